//! The right to state what is mapped where, and who owns which memory.
//!
//! *What this is*: one value. The constructors of [`crate::LinearMap`] and of the first [`crate::Span`] require it, and
//! so does every step that gives a frame another role. The boot takes it and keeps it with the page tables.
//!
//! *What must hold*: a kernel has only one, so a payload cannot make a linear map, a span or a frame out of nothing. On
//! a host, where one process boots many models, every caller gets one.
//!
//! *What is not prevented*: a step of [`Authority::lend`] that keeps what it was lent. Only code that runs before the boot can
//! be such a step, and a payload does not run then.

#[cfg(target_os = "none")]
use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(target_os = "none")]
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The authority over the guest's memory.
#[derive(Debug)]
pub struct Authority(());

impl Authority {
    /// Takes the authority; in a kernel only the first call gets it.
    #[must_use]
    pub fn take() -> Option<Self> {
        #[cfg(target_os = "none")]
        if TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Self(()))
    }

    /// Lends the authority to a step that comes before the boot and leaves nothing that needs it; `None` in a kernel that
    /// has taken it, and then `step` is not run.
    #[must_use]
    pub fn lend<R>(step: impl FnOnce(Self) -> R) -> Option<R> {
        let result = step(Self::take()?);
        #[cfg(target_os = "none")]
        TAKEN.store(false, Ordering::Relaxed);
        Some(result)
    }
}
