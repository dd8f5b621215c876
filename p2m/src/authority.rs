//! The right to say what is mapped where, and whose memory is.
//!
//! *What this is*: one value that the constructors of [`crate::LinearMap`] and the first [`crate::Span`] ask for, and
//! every step that gives a frame another role. The boot takes it and keeps it with the page tables.
//!
//! *What must hold*: in a kernel there is one, so a payload cannot make a window, a span or a frame out of nothing. On
//! a host, where one process boots many models, everybody gets one.

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
