//! What a payload is given.

use crate::{stage::Running, sys::Xen};

/// A booted guest on real Xen.
#[derive(Debug)]
pub struct Guest {
    /// The hypervisor.
    pub xen: Xen,
    /// Memory, page tables and what else the boot made.
    pub running: Running,
}
