//! The jump into a module.
//!
//! *What must hold*: an entry function has the signature that `docs/modules.md` gives it; when one changes,
//! [`crate::module::ABI`] does.

use crate::{platform::EntryPoint, sys::pointer};

/// Calls the module's init function and returns what it returned.
pub(super) fn start(init: EntryPoint) -> i32 {
    let pointer = pointer::to::<()>(init.address());
    // SAFETY: an `EntryPoint` is made after the module was relocated to, and mapped executable at, its addresses, and
    // lies in its code (module::plan); what the module then does is the module's to answer for. A function pointer and
    // a data pointer are of one size.
    let init = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn() -> i32>(&pointer) };
    init()
}

/// Calls the module's exit function.
pub(super) fn end(exit: EntryPoint) {
    let pointer = pointer::to::<()>(exit.address());
    // SAFETY: as for `start`; the exit function lies in the part of the code that stays.
    let exit = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn()>(&pointer) };
    exit();
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use x86_64::VirtAddr;

    use super::{end, start};
    use crate::platform::EntryPoint;

    static ENDED: AtomicU32 = AtomicU32::new(0);

    extern "C" fn init() -> i32 {
        -7
    }

    extern "C" fn exit() {
        ENDED.fetch_add(1, Ordering::Relaxed);
    }

    fn entry(function: *const ()) -> EntryPoint {
        EntryPoint::new(VirtAddr::new(function.expose_provenance() as u64))
    }

    #[test]
    fn the_entry_functions_are_called_by_address() {
        assert_eq!(start(entry(init as *const ())), -7);
        end(entry(exit as *const ()));
        assert_eq!(ENDED.load(Ordering::Relaxed), 1);
    }
}
