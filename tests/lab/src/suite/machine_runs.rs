//! The runs on real Xen that are about the machine: what its processor has, how much memory there is and where.

use anyhow::{Context, Result, ensure};

use crate::suite::case::{Case, Evidence};
use crate::suite::proof::Audit;

/// 3 GiB below 4 GiB, and 2 GiB behind the hole that AMD's processors have below 1 TiB.
const BEHIND_1T: &str =
    "dom0 --memory 5G --cpu phys-bits=46 --machine type=pc-i440fx-7.2,memory.max-size=1100G,memory.slots=1";
/// The ramdisk lies in the hole, and what is free in one piece is less than the ramdisk.
const SCATTERED: &str =
    "dom0 --memory 1G --machine max-ram-below-4g=160M --xen-line dom0_mem=280M --ramdisk-pages 0x8000";

/// Those of the group `xen`.
pub(crate) const MACHINE: [Case; 7] = [
    Case::dies("dom0-no-nx", "dom0 --cpu -nx", "", &[without_nx, dom0_crashed]),
    Case::dies("domu-no-nx", "domu --cpu -nx", "", &[without_nx]),
    // From some size on the copies of the P2M leave next to nothing mapped and free; from another on they map more.
    Case::good("dom0-256M-map-lazy", "dom0 --memory 256M --cmdline map=lazy"),
    Case::good("dom0-3G-map-lazy", "dom0 --memory 3G --cmdline map=lazy"),
    Case::good("dom0-4608M-map-lazy", "dom0 --memory 4608M --cmdline map=lazy"),
    Case { proofs: &[gap_costs_nothing], ..Case::good("dom0-memory-behind-1T", BEHIND_1T) },
    Case::dies("dom0-ramdisk-without-a-run", SCATTERED, "", &[run_is_missing, dom0_crashed]),
];

/// One line names the feature, its bit and what to change, and nothing was begun.
fn without_nx(evidence: &Evidence) -> Result<()> {
    let line = evidence.guest.lines().next().context("the guest said nothing")?;
    ensure!(
        line.starts_with("fatal: entry: the processor has no NX (CPUID 0x80000001, EDX bit 20)")
            && line.contains("switch it on in the firmware"),
        "the first line does not say that NX is missing: {line}"
    );
    ensure!(evidence.guest.trim_end().lines().count() == 1, "more was said than one line");
    Ok(())
}

fn dom0_crashed(evidence: &Evidence) -> Result<()> {
    let said = evidence.xen.contains("Hardware Dom0 crashed");
    ensure!(said, "Xen did not say that dom0 crashed");
    Ok(())
}

/// Page numbers that mean nothing are no memory: the boot speaks of 5 GiB.
fn gap_costs_nothing(evidence: &Evidence) -> Result<()> {
    let identity = Audit::of(&evidence.guest)?.identity;
    ensure!(identity > 1 << 27, "the machine has no hole of 512 GiB: {identity} identity entries");
    let progress = evidence.guest.lines().find(|line| line.starts_with("mapping memory: "));
    ensure!(progress.is_none(), "5 GiB are mapped before anybody can read: {}", progress.unwrap_or_default());
    Ok(())
}

/// What must move, how long a run it needs, what there is, and what to change.
fn run_is_missing(evidence: &Evidence) -> Result<()> {
    let line = evidence.guest.trim_end().lines().last().context("the guest said nothing")?;
    for words in [
        "fatal: memory map: the ramdisk at pfn ",
        " must move: it needs a run of 32768 pages, the longest is ",
        "; boot with a ramdisk of at most ",
        " pages, or give the guest ",
    ] {
        ensure!(line.contains(words), "the last line does not say {words:?}: {line}");
    }
    ensure!(!line.contains("no free page left"), "pages are free: {line}");
    Ok(())
}
