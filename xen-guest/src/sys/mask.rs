//! The virtual interrupt flag.
//!
//! *What this is*: `evtchn_upcall_mask`. While it is set, Xen makes no upcall.
//!
//! *What must hold*: whoever holds a lock that a handler takes too has set it. Once it is cleared, an event that came meanwhile
//! is delivered at once.

use core::sync::atomic::{AtomicU64, Ordering};

use x86_64::VirtAddr;

use crate::sys::shared_info::SharedInfo;

/// Where shared_info is mapped; 0 before it is. Until then events are masked as Xen left them.
static SHARED_INFO: AtomicU64 = AtomicU64::new(0);

/// Records where shared_info is mapped.
pub(super) fn attach(page: SharedInfo) {
    SHARED_INFO.store(page.address().as_u64(), Ordering::Relaxed);
}

/// Returns shared_info, once it is mapped.
pub(super) fn shared_info() -> Option<SharedInfo> {
    match SHARED_INFO.load(Ordering::Relaxed) {
        0 => None,
        address => Some(SharedInfo::at(VirtAddr::new_truncate(address))),
    }
}

/// Masks events; tells whether they were masked before.
pub(super) fn mask() -> bool {
    shared_info().is_none_or(|page| page.mask())
}

/// Lets events through, and those that came meanwhile at once: Xen makes the upcall at the end of any hypercall.
pub(super) fn unmask(any_hypercall: impl FnOnce()) {
    if shared_info().is_some_and(|page| page.unmask()) {
        any_hypercall();
    }
}
