//! There is only one handle to the hypervisor, and the boot makes it.
//!
//! On Xen: two handles map shared_info twice; a boot from the second would take over page
//! tables that are no longer the builder's.

#![no_std]

use xen_guest::{Guest, sys::Xen};

pub fn hypervisor(guest: &Guest, xen: Xen) -> (Xen, u64) {
    (xen, guest.hypercalls()) //~ TWIN
    (Xen::new(), guest.hypercalls()) //~ FAIL E0624
}
