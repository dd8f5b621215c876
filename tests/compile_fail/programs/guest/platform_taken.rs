//! Only the guest has its platform.
//!
//! On Xen: with the hypervisor, every step of the boot can be repeated, over memory that now has owners.

use xen_guest::{Guest, Platform};

pub fn calls<P: Platform>(guest: &Guest<P>) -> u64 {
    guest.hypercalls() //~ TWIN
    guest.platform.hypercalls() //~ FAIL E0616
}
