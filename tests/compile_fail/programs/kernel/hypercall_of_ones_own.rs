//! The caller must vouch for a hypercall of its own.
//!
//! On Xen: it may map any page of the domain anywhere.

#![no_std]

use xen_guest::sys;

pub fn call(number: u32) -> i64 {
    let _ = number;
    sys::heap_used() as i64 //~ TWIN
    sys::hypercall(number, [0; 4]) //~ FAIL E0133
}
