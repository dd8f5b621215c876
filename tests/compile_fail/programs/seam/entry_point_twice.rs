//! An entry point of a module can be used only once.
//!
//! On Xen: the module is started twice, or after its end, when something else is mapped there.

use xen_guest::{EntryPoint, Platform};

pub fn start<P: Platform>(platform: &mut P, init: EntryPoint, exit: EntryPoint) {
    platform.start_module(init);
    platform.end_module(exit); //~ TWIN
    platform.end_module(init); //~ FAIL E0382
}
