//! Only a module that somebody vouches for can be loaded.
//!
//! On Xen: its bytes are executed with the kernel's rights.

use xen_guest::{Guest, Platform, sys::TrustedModule};

pub fn load<P: Platform>(guest: &mut Guest<P>, module: &TrustedModule<'_>, bytes: &[u8]) -> usize {
    let _loaded = guest.load_module(module); //~ TWIN
    let _loaded = guest.load_module(bytes); //~ FAIL E0308
    bytes.len()
}
