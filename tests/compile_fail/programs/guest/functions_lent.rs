//! Code that lends functions to modules must vouch for their signatures.
//!
//! On Xen: a module calls the function with arguments it does not take.

use xen_guest::{Guest, Simulated, module::Export};

pub fn lend<P: Simulated>(guest: &mut Guest<P>, exports: &'static [Export]) {
    guest.lend(exports); //~ TWIN
    guest.lend_exports(exports); //~ FAIL E0133
}
