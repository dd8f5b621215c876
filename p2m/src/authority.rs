//! The right to state what is mapped where, and who owns which memory.
//!
//! *What this is*: one value. The constructors of [`crate::LinearMap`] and of the first [`crate::Span`] require it, and
//! so does every step that gives a frame another role. The boot takes it and keeps it with the page tables.
//!
//! *What must hold*: a kernel has only one, so a payload cannot make a linear map, a span or a frame out of nothing. On
//! a host, where one process boots many models, every caller gets one.

/// The authority over the guest's memory.
#[derive(Debug)]
pub struct Authority(());

impl Authority {
    /// Takes the authority; in a kernel only the first call gets it.
    #[must_use]
    pub fn take() -> Option<Self> {
        #[cfg(target_os = "none")]
        {
            use core::sync::atomic::{AtomicBool, Ordering};
            static TAKEN: AtomicBool = AtomicBool::new(false);
            if TAKEN.swap(true, Ordering::Relaxed) {
                return None;
            }
        }
        Some(Self(()))
    }
}
