//! Boots of kernels as others may build theirs: not optimized, or as small as possible, stripped and without frame pointers.

use anyhow::{Result, ensure};

use crate::build::{Kernel, Profile};
use crate::run::backtrace;
use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};
use crate::suite::proof;

/// The runs of the group `xen` for which a kernel is built once more.
pub(crate) const PROFILE: [Case; 4] = [
    Case { kernel: Kernel::Profiled(Profile::Unoptimized), ..Case::good("domu-unoptimized", "domu") },
    Case {
        kernel: Kernel::Profiled(Profile::Unoptimized),
        plain: true,
        ..Case::good("dom0-unoptimized", "dom0 --memory 1G")
    },
    Case { kernel: Kernel::Profiled(Profile::Small), ..Case::good("domu-small", "domu") },
    Case {
        kernel: Kernel::Profiled(Profile::Small),
        plain: true,
        outcomes: &[Outcome::Crashed],
        proofs: &[callers_are_guesses],
        ..Case::good("dom0-small-null", "dom0 --cmdline fail=null")
    },
];

/// Without frame pointers a trap's callers are guessed from the stack, and said to be.
fn callers_are_guesses(evidence: &Evidence) -> Result<()> {
    let fault = proof::PageFault::of(evidence)?;
    ensure!(fault.address == 8, "another fault: {fault:x?}");
    ensure!(fault.backtrace.first() == Some(&fault.rip), "it does not begin where it happened: {fault:x?}");
    let marked =
        evidence.guest.lines().any(|line| line.starts_with("  backtrace: (no frame pointers: guesses)"));
    ensure!(marked, "the kernel keeps no frame pointers, and the callers are not marked as guesses");
    let shown = backtrace::addresses(&evidence.guest);
    ensure!(shown == fault.backtrace, "the line for people has others: {shown:x?}");
    Ok(())
}
