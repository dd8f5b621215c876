//! There is one guest.
//!
//! On Xen: two guests hand out the same frames.

use xen_guest::{Guest, Platform};

pub fn two<P: Platform + Clone>(guest: Guest<P>, another: Guest<P>) -> [Guest<P>; 2] {
    [another, guest] //~ TWIN
    [guest.clone(), guest] //~ FAIL E0599
}
