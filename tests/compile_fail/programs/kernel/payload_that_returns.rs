//! The payload of a kernel takes the guest and does not return.
//!
//! On Xen: the payload would return into the boot code, whose memory may be in use by now.

#![no_std]

use xen_guest::{Guest, sys::idle};

pub fn payload(_guest: Guest) -> ! {
    idle()
}

pub fn careless(_guest: Guest) {}

xen_guest::entry!(payload); //~ TWIN
xen_guest::entry!(careless); //~ FAIL E0308
