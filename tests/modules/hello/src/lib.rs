//! The smallest module: logs where it is and checks its own three parts.
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
#![expect(unsafe_code, reason = "a C name for the entry points, and sections with a name")]

use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};

use module_kit::{module, say};

module! { name: "hello", license: "MIT OR Apache-2.0" }

/// `.rodata`: the weights of a checksum the kernel's tests know.
static WEIGHTS: [u32; 8] = [2, 3, 5, 7, 11, 13, 17, 19];

/// `.data`: starts at a value that is not zero.
static GREETINGS: AtomicU32 = AtomicU32::new(0x1000);

/// `.bss`: more than a page, so that the last part has pages without a byte from the file.
static SCRATCH: [AtomicU32; 1500] = [const { AtomicU32::new(0) }; 1500];

/// `.rodata` that holds addresses: each needs a 64-bit relocation.
static STEPS: [fn() -> u32; 2] = [greet, weigh];

/// Says hello with the module's address and returns 0 when all three parts are as they should be.
#[unsafe(no_mangle)]
pub extern "C" fn module_init() -> i32 {
    let blank = SCRATCH.iter().all(|word| word.load(Ordering::Relaxed) == 0);
    // Behind `black_box` the compiler cannot turn the table into direct calls and drop it.
    let numbers = black_box(&STEPS).map(|step| step());

    let here = module_init as *const ();
    say!("hello from a module at {here:p}: greeting {:#x}, weight {}", numbers[0], numbers[1]);

    if blank && numbers == [0x1001, 1027] { 0 } else { 1 }
}

/// Says goodbye; the loader calls it before it unmaps the module's pages.
#[unsafe(no_mangle)]
pub extern "C" fn module_exit() {
    say!("goodbye after {} greetings", GREETINGS.load(Ordering::Relaxed) - 0x1000);
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
