//! What a module written in Rust needs from the kernel.
//!
//! *What this is*: [`module!`] writes the module's description and its exports; [`say!`] logs a line; [`KernelHeap`] is
//! the kernel's heap as a global allocator; a panic ends the domain, after its message.
//!
//! *What must hold*: the signatures here are those of the kernel (`xen-guest/src/sys/module.rs`); [`ABI`] stands for
//! them, and the kernel refuses a module built with another.
//!
//! *What is not prevented*: a module that calls the kernel outside a call from the kernel. There are no threads yet.

#![no_std]
#![expect(unsafe_code, reason = "calls into the kernel, and the allocator's trait")]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt::{self, Write};

/// The version of what kernel and modules agree on; the kernel has the same number in `xen_guest::module::ABI`.
pub const ABI: &str = "1";

// SAFETY: the kernel exports exactly these signatures under exactly these names (xen-guest, `sys::module`), as long as
// the ABI version is the same, which the loader checks before it links anything.
unsafe extern "C" {
    fn xen_guest_log(text: *const u8, len: usize);
    fn xen_guest_fatal(text: *const u8, len: usize) -> !;
    fn xen_guest_alloc(size: usize, align: usize) -> *mut u8;
    fn xen_guest_free(memory: *mut u8, size: usize, align: usize);
}

/// One line of text, cut if it is too long.
#[derive(Debug)]
pub struct Line {
    bytes: [u8; 200],
    len: usize,
}

impl Line {
    /// Makes an empty line.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; 200], len: 0 }
    }

    /// Hands the line to the kernel's log.
    pub fn log(&self) {
        let text = self.text();
        // SAFETY: `text` is a live slice for the whole call, and the kernel only reads it.
        unsafe { xen_guest_log(text.as_ptr(), text.len()) }
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Default for Line {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text.bytes()) {
            *to = from;
            self.len += 1;
        }
        Ok(())
    }
}

/// Logs a line, written as for `format!`.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => {{
        let mut line = $crate::Line::new();
        // A line that does not fit is cut; it never fails.
        let _ = ::core::fmt::Write::write_fmt(&mut line, ::core::format_args!($($words)*));
        line.log();
    }};
}

/// The kernel's heap: `#[global_allocator] static HEAP: KernelHeap = KernelHeap;`
#[derive(Debug)]
pub struct KernelHeap;

// SAFETY: the kernel's heap gives memory of the size and alignment asked for, to nobody else, and null when it has
// none.
unsafe impl GlobalAlloc for KernelHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: any size and alignment may be asked for.
        unsafe { xen_guest_alloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: by this method's contract the memory came from `alloc` with the same layout.
        unsafe { xen_guest_free(memory, layout.size(), layout.align()) }
    }
}

/// The address of an exported symbol. Only [`module!`] makes one.
#[derive(Debug)]
#[repr(transparent)]
pub struct Address(pub *const ());

// SAFETY: the address is never read through; the loader reads its relocation.
unsafe impl Sync for Address {}

/// Copies a text into an array, so that it can have a section of its own.
#[must_use]
pub const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    let mut rest = text.as_bytes();
    let mut at = 0;
    while let [first, tail @ ..] = rest {
        if at < N {
            bytes[at] = *first;
        }
        at += 1;
        rest = tail;
    }
    bytes
}

/// Describes a module and what it exports to other modules:
///
/// ```ignore
/// module! { name: "NAME", license: "MIT", depends: "other,another", exports: [a_function] }
/// ```
///
/// `depends` and `exports` may be left out. The version is the crate's.
#[macro_export]
macro_rules! module {
    (name: $name:literal, license: $license:literal
        $(, depends: $depends:literal)? $(, exports: [$($export:path),* $(,)?])? $(,)?) => {
        const _: () = {
            const INFO: &str = concat!(
                "name=", $name, "\0version=", env!("CARGO_PKG_VERSION"), "\0license=", $license, "\0",
                $("depends=", $depends, "\0",)?
            );
            const ABI: [u8; $crate::ABI.len() + 5] = {
                let mut bytes = $crate::bytes::<{ $crate::ABI.len() + 5 }>("abi=");
                let version = $crate::ABI.as_bytes();
                let mut at = 0;
                while at < version.len() {
                    bytes[4 + at] = version[at];
                    at += 1;
                }
                bytes
            };
            #[used]
            #[unsafe(link_section = ".modinfo")]
            static SAYS: [u8; INFO.len()] = $crate::bytes(INFO);
            #[used]
            #[unsafe(link_section = ".modinfo")]
            static BUILT_FOR: [u8; ABI.len()] = ABI;
            $($(
                const _: () = {
                    #[used]
                    #[unsafe(link_section = ".modexport")]
                    static EXPORT: $crate::Address = $crate::Address($export as *const ());
                };
            )*)?
        };
    };
}

/// Hands the panic's message to the kernel, which ends the domain: a module has nothing to unwind to.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut line = Line::new();
    let _ = write!(line, "{info}");
    let text = line.text();
    // SAFETY: as in `Line::log`.
    unsafe { xen_guest_fatal(text.as_ptr(), text.len()) }
}
