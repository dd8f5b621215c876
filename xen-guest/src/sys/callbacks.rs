//! The callbacks for events, and for selectors that cannot be loaded.

use mmu::Errno;
use x86_64::VirtAddr;

use crate::sys::{
    abi::{
        CALLBACKF_MASK_EVENTS, CALLBACKOP_REGISTER, CALLBACKTYPE_EVENT, CALLBACKTYPE_FAILSAFE,
        CallbackRegister,
    },
    hypercall::hypercall,
    outcome::check,
};

unsafe extern "C" {
    safe static upcall_entry: u8;
    safe static failsafe_entry: u8;
}

/// Gives Xen the callbacks for events, and for selectors that it cannot load.
pub(super) fn install() -> Result<(), Errno> {
    for (kind, flags, entry) in [
        (CALLBACKTYPE_FAILSAFE, CALLBACKF_MASK_EVENTS, &failsafe_entry),
        (CALLBACKTYPE_EVENT, 0, &upcall_entry),
    ] {
        let address = VirtAddr::from_ptr(entry).as_u64();
        let register = CallbackRegister { kind, flags, address };
        let arguments = [CALLBACKOP_REGISTER, &raw const register as u64, 0, 0];
        // SAFETY: Xen reads `struct callback_register`; each address is an entry of traps.S.
        check(unsafe { hypercall(xen_sys::__HYPERVISOR_callback_op, arguments) })?;
    }
    Ok(())
}
