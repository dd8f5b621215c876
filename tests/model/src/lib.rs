//! Xen for a PV guest, as a model that host tests boot on.
//!
//! *What this is*: a deterministic machine with one PV domain. [`GuestConfig::build`] lays out memory as Xen's domain
//! builders do; the boot layer then runs on the [`ModelMachine`] instead of on Xen. [`audit`] looks at the result
//! without using any code of the boot layer.
//!
//! *What must hold*: every rule names the Xen file it comes from (xen/arch/x86/mm.c where nothing else is said). A
//! comment says `stricter:` where the model refuses what Xen would allow, because in this guest it is a bug all the
//! same.
//!
//! *What is not modelled*: accessed and dirty bits, several processors, preempted hypercalls, the use of selectors (so
//! a local descriptor table is only recorded), linear page tables (always refused), caching of device memory (dom0 may
//! map it, and nothing counts it), user mode, writable page-table emulation, grants, traps, the other end of event
//! channels. [`Hypercall`] has the known calls; any other call of Xen's fails the test.
//!
//! A mistake of the guest outside a hypercall, such as a store to a page mapped read-only, fails the test with a panic
//! that says what was done and shows the last hypercalls.

#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "a bug of the guest under test ends the test, with the trace")]

pub mod audit;
mod builder;
mod call;
mod console;
mod contents;
mod descriptor;
mod errno;
mod event;
mod event_state;
mod events;
mod exchange;
mod fingerprint;
mod frames;
mod gdt;
mod grub;
mod guest;
mod heap;
mod hypercall;
mod machine;
mod memory;
mod memory_map;
mod mmuext;
mod multicall;
mod page;
mod plan;
mod platform;
mod populate;
mod processor;
pub mod pte;
mod reservation;
mod sched;
mod shared;
mod shuffle;
mod stale;
mod start_of_day;
mod store_lie;
mod store_tree;
mod tlb;
pub mod toolstack;
mod trace;
mod trap_table;
mod types;
mod update;
mod walk;
mod xenstored;

pub use builder::{Booted, Built};
pub use call::Hypercall;
pub use frames::{FrameIndex, Owner, PageInfo, PageType};
pub use gdt::LocalTable;
pub use guest::{Build, Domain, GuestConfig, Loader, Ramdisk, Release};
pub use machine::ModelMachine;
pub use plan::{Places, TooSmall};
pub use pte::Pte;
pub use store_lie::StoreLie;
pub use trace::{MemoryCommand, Plain, Traced, TracedCall};
pub use walk::{Leaf, NotMapped};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
