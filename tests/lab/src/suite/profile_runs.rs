//! Boots of kernels as others may build theirs: not optimized, or as small as possible, stripped and without frame pointers.

use anyhow::{Result, ensure};

use crate::build::Profile;
use crate::run::backtrace;
use crate::run::outcome::Outcome;
use crate::suite::case::{Case, Evidence};
use crate::suite::proof;

/// The runs of the group `xen` for which a kernel is built once more.
pub(crate) const PROFILE: [Case; 4] = [
    Case { profile: Profile::Unoptimized, ..Case::good("domu-unoptimized", "domu") },
    Case { profile: Profile::Unoptimized, plain: true, ..Case::good("dom0-unoptimized", "dom0 --memory 1G") },
    Case { profile: Profile::Small, ..Case::good("domu-small", "domu") },
    Case {
        profile: Profile::Small,
        plain: true,
        outcomes: &[Outcome::Crashed],
        proofs: &[no_callers_made_up],
        ..Case::good("dom0-small-null", "dom0 --cmdline fail=null")
    },
];

/// Without frame pointers a trap has no callers, and none are shown: just where it happened.
fn no_callers_made_up(evidence: &Evidence) -> Result<()> {
    let fault = proof::PageFault::of(evidence)?;
    ensure!(fault.address == 8, "another fault: {fault:x?}");
    ensure!(fault.backtrace == [fault.rip], "callers, but the kernel keeps no frame pointers: {fault:x?}");
    let shown = backtrace::addresses(&evidence.guest);
    ensure!(shown == fault.backtrace, "the line for people has others: {shown:x?}");
    Ok(())
}
