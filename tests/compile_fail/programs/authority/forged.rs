//! The authority over memory is taken, not made.
//!
//! On Xen: who makes one up makes up windows and frames too, so a store goes to any address: a safe function writes
//! into the kernel, or faults.

use p2m::Authority;

pub fn authority() -> Option<Authority> {
    Authority::take() //~ TWIN
    Some(Authority(())) //~ FAIL E0423
}
