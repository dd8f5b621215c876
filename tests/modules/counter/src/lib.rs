//! A module that counts words: variables, zeroed memory, and the kernel's heap.
//!
//! *What this is*: [`module_init`] keeps a map of numbers on the kernel's heap, grows and shrinks it, and leaves it
//! there; [`module_exit`] gives every byte back. The code and the text of the start are in sections that are released
//! afterwards.
//!
//! *What must hold*: the kernel has about 64 KiB of heap.

#![no_std]
#![expect(unsafe_code, reason = "C names for the entry points, and sections with a name")]

extern crate alloc;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use module_kit::{KernelHeap, module, say};

module! { name: "counter", license: "MIT OR Apache-2.0" }

#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

/// `.data`: counts from a number that is not zero.
static COUNT: AtomicU64 = AtomicU64::new(1000);

/// `.bss`: kept between start and end.
static KEPT: AtomicPtr<Vec<u64>> = AtomicPtr::new(core::ptr::null_mut());

/// `.init.data`: read at the start and then gone.
#[unsafe(link_section = ".init.data")]
static STEPS: [u64; 8] = [3, 1, 4, 1, 5, 9, 2, 6];

/// Counts on the heap and returns 0 when the numbers are right.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".init.text")]
pub extern "C" fn module_init() -> i32 {
    let mut map = BTreeMap::new();
    for (rank, step) in STEPS.iter().cycle().take(800).enumerate() {
        *map.entry(step % 7).or_insert(0) += rank as u64;
        COUNT.fetch_add(*step, Ordering::Relaxed);
    }
    let sums: Vec<u64> = map.into_values().collect();
    let (count, total) = (COUNT.load(Ordering::Relaxed), sums.iter().sum::<u64>());
    say!("counter: {count} counted, {} sums, {total} in all", sums.len());
    let right = count == 4100 && total == 319_600 && sums.len() == 6;
    KEPT.store(alloc::boxed::Box::into_raw(alloc::boxed::Box::new(sums)), Ordering::Relaxed);
    if right { 0 } else { 1 }
}

/// Gives back what was kept.
#[unsafe(no_mangle)]
pub extern "C" fn module_exit() {
    let kept = KEPT.swap(core::ptr::null_mut(), Ordering::Relaxed);
    if !kept.is_null() {
        // SAFETY: the pointer came from `Box::into_raw` at the start, and was just taken out: nobody else has it.
        let sums = unsafe { alloc::boxed::Box::from_raw(kept) };
        say!("counter: goodbye with {} sums", sums.len());
    }
}
