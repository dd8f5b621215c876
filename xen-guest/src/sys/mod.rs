//! The unsafe boundary: everything that turns a number into an action of the machine.
//!
//! *What this is*: entry and traps, hypercalls, memory words, shared pages, the heap, and the jump into a module. The rest
//! of the layer forbids or denies unsafe code.
//!
//! *What must hold*: every unsafe block does one thing and says where the fact it rests on was established;
//! `docs/xen-contract.md` lists them all, and `scripts/check` compares.

#![expect(unsafe_code, reason = "this folder is where unsafe code lives")]

mod console;
mod entry;
mod event;
mod fail;
mod heap;
mod hypercall;
mod logger;
mod memory;
mod module;
mod modules;
mod platform;
mod registers;
mod sched;
mod shared_info;
mod symbols;
mod traps;
mod xen;

pub use entry::entered;
pub use fail::fail_as_asked;
pub use heap::{init as init_heap, used as heap_used};
pub use hypercall::hypercall;
pub use module::exports;
pub use sched::{Reason, idle, shutdown};
pub use xen::Xen;
