//! A kernel has one payload.
//!
//! On Xen: the linker would choose which of the two is entered.

#![no_std]

use xen_guest::{Guest, sys::idle};

pub fn payload(_guest: Guest) -> ! {
    idle()
}

pub fn second(_guest: Guest) -> ! {
    idle()
}

xen_guest::entry!(payload);
const _: fn(Guest) -> ! = second; //~ TWIN
xen_guest::entry!(second); //~ FAIL E0428
