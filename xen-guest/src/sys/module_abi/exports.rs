//! The functions that modules may call, by name.
//!
//! *What this is*: the list the loader resolves symbols with: the log, the heap, an end for panics, and the four functions on
//! memory that every C compiler takes for granted.

use core::ffi::c_void;

use arrayvec::ArrayString;

use crate::{
    module::Export,
    report::fact::Value,
    sys::{
        backtrace::Backtrace,
        logger::fatal,
        module_abi::{Indented, text, xen_guest_alloc, xen_guest_free, xen_guest_log},
        modules::Place,
    },
};

/// What a module calls when it cannot go on: the domain ends with reason crash.
#[unsafe(no_mangle)]
extern "C" fn xen_guest_fatal(start: *const u8, len: usize) -> ! {
    // SAFETY: as for `xen_guest_log`.
    let bytes = unsafe { text(start, len) };
    // A module may say anything; the domain ends all the same.
    let said = core::str::from_utf8(bytes).unwrap_or("(no text)").trim_end();
    let backtrace = Backtrace::here();
    let name = backtrace.module().as_ref().map_or_else(ArrayString::new, Place::name);
    let way = backtrace.addresses();
    let fields =
        [("module", Value::Text(&name)), ("said", Value::Text(&said)), ("backtrace", Value::HexList(&way))];
    let words = Indented(said);
    fatal(format_args!("module {name}: {words}"), format_args!("\n{backtrace}"), &fields, fields.len())
}

// SAFETY: every image has these: the compiler's own calls need them. They are named here and never called.
unsafe extern "C" {
    fn memcpy(to: *mut c_void, from: *const c_void, len: usize) -> *mut c_void;
    fn memmove(to: *mut c_void, from: *const c_void, len: usize) -> *mut c_void;
    fn memset(to: *mut c_void, byte: i32, len: usize) -> *mut c_void;
    fn memcmp(one: *const c_void, other: *const c_void, len: usize) -> i32;
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
