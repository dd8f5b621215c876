//! The guest's platform is nobody else's.
//!
//! On Xen: with the hypervisor in hand, every step of the boot can be made again, over memory that has owners by now.

use xen_guest::{Guest, Platform};

pub fn calls<P: Platform>(guest: &Guest<P>) -> u64 {
    guest.hypercalls() //~ TWIN
    guest.platform.hypercalls() //~ FAIL E0616
}
