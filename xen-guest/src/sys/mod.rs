//! The unsafe boundary: everything that turns a number into an action of the machine.
//!
//! *What this is*: entry and traps, hypercalls, memory words, shared pages, the heap, and the jump into a module. The rest
//! of the layer forbids or denies unsafe code.
//!
//! *What must hold*: every unsafe block does one thing and says where the fact it rests on was established;
//! `docs/xen-contract.md` lists them all, and `scripts/check` compares.

#![expect(unsafe_code, reason = "this folder is where unsafe code lives")]

// What executes an instruction of Xen's or of the processor's, or needs the linker script, is for the kernel alone. The
// rest is tested on the host, over a buffer in the guest's place.
#[cfg(target_os = "none")]
mod asked;
#[cfg(test)]
mod buffer;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod event;
#[cfg(target_os = "none")]
mod exports;
#[cfg(target_os = "none")]
mod fail;
mod heap;
#[cfg(target_os = "none")]
mod hypercall;
mod lent;
#[cfg(target_os = "none")]
mod logger;
#[cfg(target_os = "none")]
mod memory;
mod module;
mod modules;
mod outcome;
#[cfg(target_os = "none")]
mod platform;
mod pointer;
mod ramdisk;
#[cfg(target_os = "none")]
mod registers;
mod ring;
#[cfg(target_os = "none")]
mod sched;
mod shared_info;
mod stack;
#[cfg(target_os = "none")]
mod symbols;
#[cfg(target_os = "none")]
mod traps;
mod words;
#[cfg(target_os = "none")]
mod xen;

#[cfg(target_os = "none")]
pub use entry::entered;
#[cfg(target_os = "none")]
pub use exports::exports;
#[cfg(target_os = "none")]
pub use fail::fail_as_asked;
pub use heap::{init as init_heap, used as heap_used};
#[cfg(target_os = "none")]
pub use hypercall::hypercall;
#[cfg(target_os = "none")]
pub use sched::{Reason, idle, shutdown};
#[cfg(target_os = "none")]
pub use xen::Xen;
