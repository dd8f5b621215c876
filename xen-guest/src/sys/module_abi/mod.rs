//! What modules call: the log, the heap, and in `exports.rs` the list of it all and the end of the domain.
//!
//! *What must hold*: signatures agree with `tests/modules/kit` (Rust and C); when one changes, [`crate::module::ABI`]
//! does.
//!
//! *What is not prevented*: a module that passes addresses that are not its own. It runs with the kernel's rights.

#[cfg(target_os = "none")]
pub(super) mod exports;

use alloc::alloc::{alloc, dealloc};
use core::{alloc::Layout, fmt};

/// Returns the text a module passes. An empty one may be at a null pointer, as in C; an impossible length counts as 0.
///
/// # Safety
/// `text` points to `len` readable bytes that nobody writes meanwhile.
pub(super) const unsafe fn text<'a>(text: *const u8, len: usize) -> &'a [u8] {
    if text.is_null() || len > isize::MAX as usize {
        return &[];
    }
    // SAFETY: this function's own contract; what a slice wants besides was checked above.
    unsafe { core::slice::from_raw_parts(text, len) }
}

/// A module's text. A line that starts with `@` gets a space in front: those that are for programs are the kernel's.
pub(super) struct Indented<'t>(pub(super) &'t str);

impl fmt::Display for Indented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.0.split_inclusive('\n') {
            let space = if line.starts_with('@') { " " } else { "" };
            write!(f, "{space}{line}")?;
        }
        Ok(())
    }
}

/// What a module calls to write to the log.
#[unsafe(no_mangle)]
pub(super) extern "C" fn xen_guest_log(start: *const u8, len: usize) {
    // SAFETY: the contract with modules (docs/modules.md): `start` points to `len` readable bytes.
    let bytes = unsafe { text(start, len) };
    match core::str::from_utf8(bytes) {
        Ok(text) => log::info!("{}", Indented(text.trim_end())),
        Err(_) => log::warn!("a module logged {len} bytes that are no text"),
    }
}

/// What a module calls to get memory: `size` bytes at a multiple of `align`; null when there is no room, or for a bad
/// request.
#[unsafe(no_mangle)]
pub(super) extern "C" fn xen_guest_alloc(size: usize, align: usize) -> *mut u8 {
    match Layout::from_size_align(size, align) {
        // SAFETY: the layout is checked, and its size is not zero.
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        _ => core::ptr::null_mut(),
    }
}

/// What a module calls to give memory back, with the same numbers.
#[unsafe(no_mangle)]
pub(super) extern "C" fn xen_guest_free(memory: *mut u8, size: usize, align: usize) {
    if memory.is_null() || size == 0 {
        return;
    }
    if let Ok(layout) = Layout::from_size_align(size, align) {
        // SAFETY: the contract with modules: `memory` came from `xen_guest_alloc` with the same numbers, and not twice.
        unsafe { dealloc(memory, layout) }
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::{Indented, text, xen_guest_alloc, xen_guest_free, xen_guest_log};

    #[test]
    fn no_line_of_a_module_is_for_programs() {
        for (said, shown) in [
            ("@fact {", " @fact {"),
            ("a @fact\n@report\n\n@", "a @fact\n @report\n\n @"),
            ("", ""),
            ("two\nlines\n", "two\nlines\n"),
        ] {
            assert_eq!(Indented(said).to_string(), shown);
        }
    }

    #[test]
    fn memory_is_lent_and_taken_back() {
        for (size, align) in [(1, 1), (24, 8), (100, 64), (5000, 4096)] {
            let memory = xen_guest_alloc(size, align);
            assert!(!memory.is_null() && memory.addr().is_multiple_of(align));
            // SAFETY: as many bytes were lent.
            unsafe { memory.write_bytes(0xff, size) };
            xen_guest_free(memory, size, align);
        }
    }

    #[test]
    fn a_bad_request_gets_nothing_and_takes_nothing() {
        for (size, align) in [(0, 8), (8, 0), (8, 3), (usize::MAX, 1), (isize::MAX as usize + 1, 1)] {
            assert!(xen_guest_alloc(size, align).is_null());
            xen_guest_free(core::ptr::null_mut(), size, align);
        }
        xen_guest_free(core::ptr::null_mut(), 8, 8);
        // Nothing of size 0 was lent, so none is taken.
        let mut byte = 0;
        xen_guest_free(&raw mut byte, 0, 1);
    }

    #[test]
    fn text_of_a_module() {
        let line = "a line, not ended";
        let texts: [(*const u8, usize, &[u8], &str); 3] = [
            (line.as_ptr(), 6, b"a line", "as long as it says"),
            (core::ptr::null(), 0, b"", "an empty string of C"),
            (line.as_ptr(), usize::MAX, b"", "more than any memory has"),
        ];
        for (start, len, expected, what) in texts {
            // SAFETY: the first six bytes are those of the line; of the others no byte is read.
            assert_eq!(unsafe { text(start, len) }, expected, "{what}");
        }
        xen_guest_log(line.as_ptr(), line.len());
        xen_guest_log([0xff].as_ptr(), 1);
        xen_guest_log(core::ptr::null(), 0);
    }
}
