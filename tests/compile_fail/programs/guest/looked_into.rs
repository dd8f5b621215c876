//! Only a guest on a simulated machine can be inspected.
//!
//! On Xen: as in `guest/platform_taken`.

use xen_guest::{Guest, Simulated, sys::Xen};

fn look<P: Simulated>(guest: &mut Guest<P>) {
    let _both = guest.parts_mut();
}

pub fn both<P: Simulated>(on_a_model: &mut Guest<P>, on_xen: &mut Guest<Xen>) {
    look(on_a_model); //~ TWIN
    look(on_xen); //~ FAIL E0277
}
