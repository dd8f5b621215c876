//! What the boot made can only be reached through the guest.
//!
//! On Xen: a payload that has the direct map takes frames with a P2M of its own, and two frames are the same machine
//! frame.

use mmu::DirectMap;
use start_info::PageCount;
use xen_guest::{Guest, Platform};

pub fn mapped<P: Platform>(guest: Guest<P>) -> PageCount {
    guest.mapped() //~ TWIN
    guest.parts.map.mapped() //~ FAIL E0616
}
