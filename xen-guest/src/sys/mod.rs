//! The unsafe boundary: everything that turns a number into an action of the machine.
//!
//! *What this is*: entry and traps, hypercalls, memory words, shared pages, the heap, and the jump into a module. The
//! rest of the layer forbids or denies unsafe code.
//!
//! *What must hold*: every unsafe block does one thing and says where the fact it rests on was established;
//! `docs/xen-contract.md` lists them all, and `scripts/check` compares.

#![expect(unsafe_code, reason = "this folder is where unsafe code lives")]

// Code that makes hypercalls, uses privileged instructions or needs the linker script is for the kernel alone. The rest
// is tested on the host, with a buffer in place of the guest's memory.
#[cfg(any(target_os = "none", test))]
#[cfg_attr(not(feature = "firmware"), expect(dead_code, reason = "what EFI takes is there too"))]
mod abi;
#[cfg(target_os = "none")]
mod asked;
#[cfg(target_os = "none")]
mod backtrace;
#[cfg(test)]
mod buffer;
#[cfg(any(target_os = "none", test))]
mod bytes;
#[cfg(target_os = "none")]
mod callbacks;
#[cfg(target_os = "none")]
mod clock;
#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod current_tables;
#[cfg(all(target_os = "none", feature = "firmware"))]
mod efi;
#[cfg(target_os = "none")]
mod entry;
#[cfg(target_os = "none")]
mod event;
#[cfg(target_os = "none")]
mod events;
#[cfg(any(target_os = "none", test))]
mod exception;
#[cfg(all(target_os = "none", feature = "fault-injection"))]
mod fail;
#[cfg(all(feature = "global-allocator", any(target_os = "none", test)))]
mod heap;
#[cfg(target_os = "none")]
mod hook;
#[cfg(not(target_os = "none"))]
mod host_target;
#[cfg(target_os = "none")]
mod hypercall;
#[cfg(any(target_os = "none", test))]
mod last_words;
#[cfg(target_os = "none")]
mod logger;
#[cfg(any(target_os = "none", test))]
mod maps;
#[cfg(target_os = "none")]
mod mask;
#[cfg(any(target_os = "none", test))]
mod masked;
#[cfg(target_os = "none")]
mod memory;
#[cfg(all(feature = "modules", any(target_os = "none", test)))]
mod module;
#[cfg(all(feature = "modules", any(target_os = "none", test)))]
mod module_abi;
#[cfg(any(target_os = "none", test))]
mod modules;
#[cfg(any(target_os = "none", test))]
mod outcome;
#[cfg(any(target_os = "none", test))]
mod pointer;
#[cfg(any(target_os = "none", test))]
mod ramdisk;
#[cfg(any(target_os = "none", test))]
mod recent;
#[cfg(any(target_os = "none", test))]
mod registers;
#[cfg(any(target_os = "none", test))]
mod ring;
// Miri runs no assembly.
#[cfg(target_os = "none")]
mod random;
#[cfg(any(target_os = "none", all(test, not(miri))))]
mod relocations;
#[cfg(target_os = "none")]
mod sched;
#[cfg(target_os = "none")]
mod seam;
#[cfg(target_os = "none")]
mod seam_events;
#[cfg(any(target_os = "none", test))]
mod shared_info;
#[cfg(any(target_os = "none", test))]
mod shared_words;
#[cfg(any(target_os = "none", test))]
mod slid;
#[cfg(target_os = "none")]
mod slide;
#[cfg(any(target_os = "none", test))]
mod stack;
#[cfg(any(target_os = "none", test))]
mod starts;
#[cfg(target_os = "none")]
mod symbols;
#[cfg(target_os = "none")]
mod traps;
mod trusted;
#[cfg(any(target_os = "none", test))]
mod walk;
#[cfg(target_os = "none")]
mod word_or_none;
#[cfg(any(target_os = "none", test))]
mod words;
mod xen;

#[cfg(target_os = "none")]
pub(crate) use bytes::of_span as bytes_of_span;
#[cfg(target_os = "none")]
pub use entry::{MIN_STACK_SIZE, STACK_SIZE, checked_stack_size, entered};
#[cfg(all(feature = "global-allocator", any(target_os = "none", test)))]
pub use heap::used as heap_used;
#[cfg(all(feature = "global-allocator", target_os = "none"))]
pub(crate) use heap::{init as init_heap, size as heap_size};
#[cfg(target_os = "none")]
pub(crate) use hook::set as set_exception_handler;
#[cfg(target_os = "none")]
pub use hook::{Exception, ExceptionHandler, Verdict};
#[cfg(target_os = "none")]
pub use hypercall::hypercall;
#[cfg(target_os = "none")]
pub use logger::{ConsoleWriter, panic_report};
#[cfg(target_os = "none")]
pub use masked::masked;
#[cfg(all(feature = "modules", target_os = "none"))]
pub use module_abi::exports::exports;
#[cfg(target_os = "none")]
pub use registers::GeneralRegisters;
#[cfg(target_os = "none")]
pub use sched::{Reason, idle, shutdown};
#[cfg(feature = "modules")]
pub use trusted::TrustedModule;
pub use xen::Xen;
