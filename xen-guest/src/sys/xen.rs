//! The right to the hypervisor.
//!
//! *What must hold*: there is one [`Xen`] at a time, made at entry, and the [`crate::Guest`] owns it. No safe code gets it
//! or a reference to it: so a payload cannot pass numbers of its own to the hypervisor or to memory.

#[cfg(target_os = "none")]
use crate::sys::shared_info::SharedInfo;

/// The hypervisor under us. On a host it is only a placeholder.
#[derive(Debug)]
pub struct Xen {
    #[cfg(target_os = "none")]
    pub(super) shared_info: Option<SharedInfo>,
}

#[cfg(target_os = "none")]
impl Xen {
    /// Takes possession of the hypervisor.
    ///
    /// # Safety
    /// There is no other, on the domain's first processor, and the builder's page tables are still live.
    pub(super) const unsafe fn new() -> Self {
        Self { shared_info: None }
    }
}
