//! The authority over memory cannot be made up.
//!
//! On Xen: with a made-up one, linear maps and frames can be made up too, so a store goes to any address: a safe
//! function writes into the kernel, or faults.

use p2m::Authority;

pub fn authority() -> Option<Authority> {
    Authority::take() //~ TWIN
    Some(Authority(())) //~ FAIL E0423
}
