//! The jump into a module, and what the kernel lends to modules.
//!
//! *What this is*: the calls of a module's two entry functions, and the exported functions: the log, the heap, an end for
//! panics, and the four functions on memory that every C compiler takes for granted.
//!
//! *What must hold*: signatures agree with `tests/modules/kit` (Rust and C); when one changes, [`crate::module::ABI`] does.

use alloc::alloc::{alloc, dealloc};
use core::alloc::Layout;

use super::{
    console,
    sched::{Reason, shutdown},
};
use crate::{module::Export, platform::EntryPoint};

/// Calls the module's init function and returns what it returned.
pub(super) fn start(init: EntryPoint) -> i32 {
    let pointer = init.address().as_ptr::<()>();
    // SAFETY: an `EntryPoint` is made after the module was relocated to, and mapped executable at, its addresses, and lies in
    // its code (module::plan); what the module then does is the module's to answer for. A function pointer and a data pointer
    // are of one size.
    let init = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn() -> i32>(&pointer) };
    init()
}

/// Calls the module's exit function.
pub(super) fn end(exit: EntryPoint) {
    let pointer = exit.address().as_ptr::<()>();
    // SAFETY: as for `start`; the exit function lies in the part of the code that stays.
    let exit = unsafe { core::mem::transmute_copy::<*const (), extern "C" fn()>(&pointer) };
    exit();
}

/// Returns the text a module hands over.
///
/// # Safety
/// `text` points to `len` readable bytes that nobody writes meanwhile.
const unsafe fn text<'a>(text: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: this function's own contract.
    unsafe { core::slice::from_raw_parts(text, len) }
}

/// What a module calls to write to the log.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_log(start: *const u8, len: usize) {
    // SAFETY: the contract with modules (docs/modules.md): `start` points to `len` readable bytes.
    let bytes = unsafe { text(start, len) };
    match core::str::from_utf8(bytes) {
        Ok(text) => log::info!("{}", text.trim_end()),
        Err(_) => log::warn!("a module logged {len} bytes that are no text"),
    }
}

/// What a module calls when it cannot go on: the domain ends with reason crash.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_fatal(start: *const u8, len: usize) -> ! {
    // SAFETY: as for `xen_guest_log`.
    let bytes = unsafe { text(start, len) };
    log::error!("fatal: module: {}", core::str::from_utf8(bytes).unwrap_or("(no text)").trim_end());
    console::drain();
    shutdown(Reason::Crash)
}

/// What a module calls for memory: `size` bytes at a multiple of `align`; null when there are none, or for a bad request.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_alloc(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the layout is checked, and its size is not zero.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => core::ptr::null_mut(),
    }
}

/// What a module calls to give memory back, with the numbers it asked for.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_free(memory: *mut u8, size: usize, align: usize) {
    if let (Ok(layout), false) = (Layout::from_size_align(size, align), memory.is_null()) {
        // SAFETY: the contract with modules: `memory` came from `xen_guest_alloc` with the same numbers, and not twice.
        unsafe { dealloc(memory, layout) }
    }
}

// SAFETY: every image has these: the compiler's own calls need them. They are named here and never called.
unsafe extern "C" {
    fn memcpy(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn memmove(to: *mut u8, from: *const u8, len: usize) -> *mut u8;
    fn memset(to: *mut u8, byte: i32, len: usize) -> *mut u8;
    fn memcmp(one: *const u8, other: *const u8, len: usize) -> i32;
}

static EXPORTS: [Export; 8] = [
    crate::export!(xen_guest_log),
    crate::export!(xen_guest_fatal),
    crate::export!(xen_guest_alloc),
    crate::export!(xen_guest_free),
    crate::export!(memcpy),
    crate::export!(memmove),
    crate::export!(memset),
    crate::export!(memcmp),
];

/// Returns the functions that modules may call.
#[must_use]
pub fn exports() -> &'static [Export] {
    &EXPORTS
}
