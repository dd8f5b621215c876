//! Code that takes a guest apart must vouch for its parts.
//!
//! On Xen: as in `guest/platform_taken`.

use xen_guest::{Guest, Running, Simulated};

pub fn apart<P: Simulated>(guest: Guest<P>) -> (P, Running) {
    guest.take_apart() //~ TWIN
    guest.into_parts() //~ FAIL E0133
}
