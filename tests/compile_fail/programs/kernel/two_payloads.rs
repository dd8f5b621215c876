//! A kernel has one payload.
//!
//! On Xen: one of the two would be entered, by the linker's choice.

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
