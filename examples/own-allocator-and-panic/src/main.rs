//! A kernel that has its own allocator, panic handler and logger, and takes none of the layer's: `default-features =
//! false`.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::String;
use core::{fmt::Write as _, panic::PanicInfo};

use linked_list_allocator::LockedHeap;
use xen_guest::{
    Guest, PageCount, entry,
    sys::{self, ConsoleWriter, Reason, shutdown},
};

#[global_allocator]
static HEAP: LockedHeap = LockedHeap::empty();

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // A kernel could do something of its own first. The layer's report has the backtrace.
    sys::panic_report(info)
}

entry!(main);

fn main(mut guest: Guest) -> ! {
    // Memory for the allocator: 4 MiB that the guest gives away for good.
    match guest.give_away(PageCount::new(1024)) {
        Ok(memory) => {
            HEAP.lock().init_from_slice(memory);
            // Not within `write!`: it would hold the lock while the string grows.
            let size = HEAP.lock().size();
            let mut text = String::new();
            let _ = write!(text, "a string in a heap of {size} bytes");
            say(&text);
            say("verdict: SUCCESS");
        }
        Err(_) => say("verdict: FAILURE no memory for the heap"),
    }
    shutdown(Reason::Poweroff)
}

/// Writes a line to the console; nothing can be done if that fails.
fn say(line: &str) {
    let _ = writeln!(ConsoleWriter, "{line}");
}
