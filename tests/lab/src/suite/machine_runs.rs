//! The runs on real Xen that are about the machine: what its processor has, how much memory there is and where.

use anyhow::{Context, Result, ensure};

use crate::suite::case::{Case, Evidence};
use crate::suite::proof::{self, Audit};

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

/// The missing feature was the reason, and nothing was begun.
fn without_nx(evidence: &Evidence) -> Result<()> {
    proof::boot_failed(evidence, "entry", "Missing(Missing(Feature(Feature { name: \"NX\",")?;
    let lines = evidence.guest.trim_end().lines().filter(|line| !line.starts_with(['@', ' '])).count();
    ensure!(lines == 1, "{lines} lines were said instead of one");
    Ok(())
}

fn dom0_crashed(evidence: &Evidence) -> Result<()> {
    let said = evidence.xen.contains("Hardware Dom0 crashed");
    ensure!(said, "Xen did not say that dom0 crashed");
    Ok(())
}

/// Page numbers that mean nothing are no memory: tables were taken for 5 GiB, not for a TiB.
fn gap_costs_nothing(evidence: &Evidence) -> Result<()> {
    let audit = Audit::of(&evidence.facts)?;
    ensure!(audit.identity > 1 << 27, "the machine has no hole of 512 GiB: {audit:?}");
    let stage = evidence.facts.stages().find(|(stage, _)| *stage == "direct map");
    let frames = stage.context("no stage direct map in the report")?.1.number("frames")?;
    // One for 512 pages, and a few above them.
    let limit = audit.confirmed / 512 + 64;
    ensure!(frames <= limit, "{frames} tables were taken, for the memory there is {limit} would do");
    Ok(())
}

/// What must move, how long a run it needs, and what there is.
fn run_is_missing(evidence: &Evidence) -> Result<()> {
    proof::boot_failed(evidence, "memory map", "Mmu(NoRun { object: Ramdisk(")
}
