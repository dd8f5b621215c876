//! Work that no event may interrupt.

#[cfg(target_os = "none")]
use crate::sys::{hypercall, mask};

/// Does something with events masked, so that no handler runs meanwhile: to change what a handler uses too. It may be nested.
/// What comes meanwhile is delivered at the end.
#[cfg(target_os = "none")]
pub fn masked<R>(work: impl FnOnce() -> R) -> R {
    let were_masked = mask::mask();
    let result = work();
    if !were_masked {
        mask::unmask(hypercall::nothing);
    }
    result
}

/// On a host no event interrupts.
#[cfg(not(target_os = "none"))]
pub(super) fn masked<R>(work: impl FnOnce() -> R) -> R {
    work()
}
