//! The runs on real Xen in which GRUB loads the kernel: another builder, whose layout is its own.

use anyhow::{Result, ensure};

use crate::run::outcome::Outcome;
use crate::suite::boot_runs::DUMP;
use crate::suite::case::{Case, Evidence};
use crate::suite::proof;
use crate::suite::ramdisk::Ramdisk;

/// Those of the group `xen`. GRUB maps the ramdisk of the first variant, and leaves that of the second unmapped.
pub(crate) const GRUB: [Case; 7] = [
    on("grub-domu", "domu --through grub"),
    Case { proofs: &[by_grub], notes: true, ..Case::good("grub-domu-init-p2m", "domu --through grub") },
    Case::bad("grub-domu-no-ramdisk", Ramdisk::Absent, &[by_grub, no_ramdisk]).through_grub(),
    Case {
        notes: true,
        ..Case::bad("grub-domu-init-p2m-no-ramdisk", Ramdisk::Absent, &[by_grub, no_ramdisk]).through_grub()
    },
    Case {
        proofs: &[by_grub],
        ..Case::good("grub-domu-1299M-lazy", "domu --through grub --memory 1299M --cmdline map=lazy")
    },
    Case {
        script: Some(DUMP),
        proofs: &[by_grub, proof::tables_walked],
        ..Case::good("grub-domu-67M-walked", "domu --through grub --memory 67M --cmdline then=idle")
    },
    // What stays of GRUB's: its list, with the tables that map it.
    Case {
        script: Some(DUMP),
        notes: true,
        ..Case::words(
            "grub-domu-list-left-walked",
            "domu --through grub",
            "then=idle revector=off",
            &[by_grub, proof::tables_walked],
        )
    },
];

/// A good run through GRUB, on whatever release of Xen.
pub(crate) const fn on(name: &'static str, line: &'static str) -> Case {
    Case { proofs: &[by_grub], ..Case::good(name, line) }
}

/// GRUB was there before the kernel, on the same console.
fn by_grub(evidence: &Evidence) -> Result<()> {
    let (grub, ours) = (evidence.guest.find("Welcome to GRUB!"), evidence.guest.find("@fact "));
    ensure!(grub.is_some() && grub < ours, "GRUB did not speak before the kernel: {grub:?}, {ours:?}");
    Ok(())
}

/// The boot went well, and only then was a ramdisk missed.
fn no_ramdisk(evidence: &Evidence) -> Result<()> {
    ensure!(evidence.report.outcome == Outcome::Failure, "{:?}", evidence.report.outcome);
    proof::nothing_refused(evidence)?;
    proof::whole_audit(evidence)?;
    let failure = evidence.facts.one("failure")?;
    ensure!(failure.text("about")? == "ramdisk", "another failure: {failure:?}");
    Ok(())
}
