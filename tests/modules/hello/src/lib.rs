//! The smallest module: says where it lies and checks its own three parts.
//!
//! *What this is*: one relocatable object whose [`module_init`] formats a line with `core::fmt` and hands it to the
//! kernel. It reads its `.rodata`, changes its `.data` and fills its `.bss`, so a wrong relocation, a missing copy or a
//! part with the wrong protection shows as a wrong number, a non-zero status or a trap.
//!
//! *What must hold*: the kernel exports `xen_guest_log`, and calls `module_init` once, on a stack of its own.
//!
//! *What is not prevented*: a kernel that calls `module_init` again; the second call finds its data already changed and
//! says so by its status.

#![no_std]
#![expect(unsafe_code, reason = "a C name for the entry point, and one call into the kernel")]

use core::fmt::{self, Write};
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

// SAFETY: the kernel exports exactly this signature under exactly this name (xen-guest, `module::Export`); the loader
// refuses the module when the name is missing.
unsafe extern "C" {
    /// Writes `len` bytes of UTF-8 at `text` to the console as one line.
    fn xen_guest_log(text: *const u8, len: usize);
}

/// `.rodata`: the weights of a checksum the kernel's tests know.
static WEIGHTS: [u32; 8] = [2, 3, 5, 7, 11, 13, 17, 19];

/// `.data`: starts at a value that is not zero.
static GREETINGS: AtomicU32 = AtomicU32::new(0x1000);

/// `.bss`: more than a page, so that the last part has pages no byte of the file reaches.
static SCRATCH: [AtomicU32; 1500] = [const { AtomicU32::new(0) }; 1500];

/// `.rodata` that holds addresses: each needs a 64-bit relocation.
static STEPS: [fn() -> u32; 2] = [greet, weigh];

/// Says hello from where the module was placed and returns 0 when all three parts were as they should be.
#[unsafe(no_mangle)]
pub extern "C" fn module_init() -> i32 {
    let blank = SCRATCH.iter().all(|word| word.load(Ordering::Relaxed) == 0);
    // Behind `black_box` the compiler cannot turn the table into direct calls and drop it.
    let numbers = black_box(&STEPS).map(|step| step());

    let mut line = Line { bytes: [0; 160], len: 0 };
    let here = module_init as *const ();
    // A line that does not fit is cut by `Line`, which never fails.
    let _ =
        write!(line, "hello from a module at {here:p}: greeting {:#x}, weight {}", numbers[0], numbers[1]);
    line.log();

    if blank && numbers == [0x1001, 1027] { 0 } else { 1 }
}

/// Says goodbye; the loader calls it before it takes the module's pages away.
#[unsafe(no_mangle)]
pub extern "C" fn module_exit() {
    let mut line = Line { bytes: [0; 160], len: 0 };
    let _ = write!(line, "goodbye after {} greetings", GREETINGS.load(Ordering::Relaxed) - 0x1000);
    line.log();
}

/// Counts one greeting, in `.data`.
fn greet() -> u32 {
    GREETINGS.fetch_add(1, Ordering::Relaxed) + 1
}

/// Fills `.bss` with the weights from `.rodata` and sums the squares of the first eight.
fn weigh() -> u32 {
    for (word, weight) in SCRATCH.iter().zip(WEIGHTS.iter().cycle()) {
        word.store(*weight, Ordering::Relaxed);
    }
    SCRATCH.iter().take(WEIGHTS.len()).map(|word| word.load(Ordering::Relaxed)).map(|word| word * word).sum()
}

/// One line of text on the stack: a module has no heap until it imports one.
struct Line {
    bytes: [u8; 160],
    len: usize,
}

impl Line {
    fn log(&self) {
        let text = self.bytes.get(..self.len).unwrap_or_default();
        // SAFETY: `text` is a live slice for the whole call, and the kernel only reads it.
        unsafe { xen_guest_log(text.as_ptr(), text.len()) }
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

/// Hands the panic's message to the kernel and stops this CPU: a module has nobody to unwind to.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let mut line = Line { bytes: [0; 160], len: 0 };
    let _ = write!(line, "hello: {info}");
    line.log();
    loop {
        core::hint::spin_loop();
    }
}
