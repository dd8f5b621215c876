//! A module that exports a function and a variable to others.
//!
//! *What this is*: `client`, written in C, uses both. This module cannot be unloaded while `client` is loaded.

#![no_std]
#![expect(unsafe_code, reason = "C names for what is lent, and sections with a name")]

use core::sync::atomic::{AtomicU64, Ordering};

use module_kit::{module, say};

module! { name: "base", license: "MIT OR Apache-2.0", exports: [base_add] }

static TOTAL: AtomicU64 = AtomicU64::new(40);

/// Adds to the total and returns it.
#[unsafe(no_mangle)]
pub extern "C" fn base_add(number: u64) -> u64 {
    TOTAL.fetch_add(number, Ordering::Relaxed) + number
}

/// Does nothing at the start.
#[unsafe(no_mangle)]
pub extern "C" fn module_init() -> i32 {
    say!("base: lends base_add");
    0
}

/// Says how much was added.
#[unsafe(no_mangle)]
pub extern "C" fn module_exit() {
    say!("base: goodbye at {}", TOTAL.load(Ordering::Relaxed));
}
