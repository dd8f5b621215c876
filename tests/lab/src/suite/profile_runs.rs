//! Boots of kernels as others may build theirs: not optimized, as small as possible, stripped and without frame pointers, or linked
//! elsewhere.

use anyhow::{Result, ensure};

use crate::build::{Kernel, Profile};
use crate::run::backtrace;
use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};
use crate::suite::{holes, host, proof};

/// The runs of the group `xen` for which a kernel is built once more.
pub(crate) const PROFILE: [Case; 7] = [
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
    // EFI has ACPI NVS at 8 MiB: the kernel gets out of its way.
    Case {
        kernel: Kernel::AtEightMebibytes,
        proofs: &[host::efi_host, holes::image_left],
        ..Case::good("dom0-efi-at-8M", "dom0 --efi")
    },
    Case {
        kernel: Kernel::AtEightMebibytes,
        ..Case::words("dom0-efi-at-8M-list-left", "dom0 --efi", "map=lazy revector=off", &[holes::image_left])
    },
    Case { kernel: Kernel::AtEightMebibytes, ..Case::good("domu-at-8M", "domu") },
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
