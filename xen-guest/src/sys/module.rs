//! The jump into a module.

use x86_64::VirtAddr;

use crate::{load::Loaded, module::Export};

/// Calls the module's init function and returns what it returned.
pub fn start(module: &Loaded) -> i32 {
    let entry: VirtAddr = module.init();
    let pointer = entry.as_ptr::<()>();
    // SAFETY: `Loaded` is made after the module was relocated to, and mapped executable at, the addresses it says, and its
    // init symbol lies in its text (module::plan); what the module then does is the module's to answer for. A function
    // pointer and a data pointer are of one size.
    let init = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn() -> i32>(&pointer) };
    init()
}

/// What a module calls to write to the log.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_log(text: *const u8, len: usize) {
    // SAFETY: the contract with modules (tests/modules/README.md): `text` points to `len` readable bytes.
    let bytes = unsafe { core::slice::from_raw_parts(text, len) };
    match core::str::from_utf8(bytes) {
        Ok(text) => log::info!("{}", text.trim_end()),
        Err(_) => log::warn!("a module logged {len} bytes that are no text"),
    }
}

static EXPORTS: [Export; 1] = [crate::export!(xen_guest_log)];

/// Returns the functions that modules may call.
#[must_use]
pub fn exports() -> &'static [Export] {
    &EXPORTS
}
