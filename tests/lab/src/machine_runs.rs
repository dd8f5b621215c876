//! The runs on real Xen that are about the machine: what its processor has, how much memory there is and where.

use anyhow::{Context, Result, ensure};

use crate::case::{Case, Evidence};

/// Those of the group `xen`.
pub(crate) const MACHINE: [Case; 5] = [
    Case::dies("dom0-no-nx", "dom0 --cpu -nx", "", &[without_nx, dom0_crashed]),
    Case::dies("domu-no-nx", "domu --cpu -nx", "", &[without_nx]),
    // From some size on the copies of the P2M leave next to nothing mapped and free; from another on they map more.
    Case::good("dom0-256M-map-lazy", "dom0 --memory 256M --cmdline map=lazy"),
    Case::good("dom0-3G-map-lazy", "dom0 --memory 3G --cmdline map=lazy"),
    Case::good("dom0-4608M-map-lazy", "dom0 --memory 4608M --cmdline map=lazy"),
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
