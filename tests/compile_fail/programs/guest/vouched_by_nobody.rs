//! Code must vouch for a module's bytes in so many words.
//!
//! On Xen: as in `guest/module_of_any_bytes`.

use xen_guest::{RamdiskModules, module::ModuleError, sys::TrustedModule};

pub fn trusted<'m>(ramdisk: &RamdiskModules<'m>, name: &'m str, bytes: &'m [u8]) -> Result<TrustedModule<'m>, ModuleError> {
    let _ = bytes;
    ramdisk.module(name).map(|module| module.with_name(name)) //~ TWIN
    Ok(TrustedModule::new(name, bytes)) //~ FAIL E0133
}
