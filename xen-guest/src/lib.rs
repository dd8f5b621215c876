//! A boot layer for Xen PV guest kernels: from start_info to a loaded module.
//!
//! *What this is*: the stages of a boot ([`boot()`] runs them all, on real Xen or on a model), module loading, and what
//! firmware left for dom0 ([`firmware`]). For the target without an operating system there are also the entry point and
//! everything unsafe (`sys`; tests compile parts of it too).
//!
//! A kernel names its payload with `entry!` and gets a [`Guest`], which owns everything: memory mapped at `__va`, page
//! tables, the P2M, free frames, the module window, and the hypervisor under them.
//!
//! What a kernel needs of the crates below is re-exported, so it names only this one: numbers of pages
//! ([`Pfn`], [`Mfn`], [`PageCount`]), what it owns ([`Frame`], [`Span`], [`MappedPages`], [`IoPages`], [`AddressSpace`]), what may be done
//! with it ([`Access`], [`IoAccess`]), errors, and the [`log`] crate.
//!
//! # Features
//!
//! | feature | default | what it adds; what a kernel without it does |
//! |---|---|---|
//! | `panic-handler` | yes | the panic handler; a kernel's own may end with `sys::panic_report` |
//! | `global-allocator` | yes | the heap, and `Guest::heap`; a kernel's own allocator gets memory from `Guest::give_away` |
//! | `logger` | yes | the target of the `log` crate; without it, `sys::ConsoleWriter` is written to |
//! | `modules` | yes | loading modules; `object` and `miniz_oxide` are needed only for this |
//! | `firmware` | yes | EFI and ACPI, for dom0 |
//! | `xenstore` | yes | xenstore, and what the toolstack asks for through it |
//! | `init-p2m` | no | the builder puts the P2M list at an address of ours (INIT_P2M, MOD_START_PFN) |
//! | `fault-injection` | no | faults on purpose, for tests: `fail=NAME` on the command line |
//!
//! A kernel needs a global allocator in any case: page tables keep notes on the heap.
//!
//! # A kernel
//!
//! It is a package with this dependency, a `main.rs` that starts with `#![no_std]` and `#![no_main]` and says
//! `entry!(main)`, and a `.cargo/config.toml` with the line `build.target = "x86_64-unknown-none"`. The build script has
//! rustc link it by `xen-guest.ld`. No flag is needed, and any profile will do. What it does with the guest can be
//! written for any platform, and so be tested on a model of Xen (`xen-model`):
//!
//! ```
//! use xen_guest::{Guest, Index, MmuError, Platform, log};
//!
//! fn payload<P: Platform>(guest: &mut Guest<P>) -> Result<(), MmuError> {
//!     log::info!("{}", guest.picture());
//!     let mut frame = guest.take_frame()?;
//!     guest.write(&mut frame, Index::new(0), 0x1234);
//!     guest.give_frame(frame);
//!     Ok(())
//! }
//! ```
//!
//! *What must hold*: the image is linked by that script, without a red zone.
//!
//! *What is not prevented*: a payload whose unsafe code makes its own hypercalls and breaks the rules of page tables.
//! Xen refuses those.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod boot;
#[cfg(feature = "xenstore")]
pub mod control;
mod event;
#[cfg(feature = "firmware")]
pub mod firmware;
mod guest;
#[cfg(feature = "modules")]
pub mod module;
mod platform;
mod report;
mod ring;
pub mod sys;
mod time;
#[cfg(feature = "xenstore")]
mod xenstore;

pub use boot::boot;
pub use boot::context::BootContext;
pub use boot::demands::Missing;
pub use boot::failure::{Cause, Failure};
pub use boot::image::Image;
pub use boot::kaslr::{Kaslr, RandomWords, Source, choose_address};
pub use boot::options::{Mapping, Options, Revector, Then};
pub use boot::running::Running;
pub use boot::stage::Stage;
pub use event::error::EventError;
pub use event::events::Events;
pub use event::handlers::{EventHandler, EventHandlers};
pub use event::port::EventPort;
pub use event::scan::{EventWords, scan};
pub use event::source::{DomId, EventSource, Virq};
#[cfg(all(feature = "global-allocator", target_os = "none"))]
pub use guest::HeapError;
pub use guest::{Guest, Lookup};
#[cfg(feature = "modules")]
pub use guest::{RamdiskError, RamdiskModules, UnpackedRamdisk};
#[cfg(feature = "modules")]
pub use module::load_error::LoadError;
#[cfg(feature = "modules")]
pub use module::table::{Cost, Loaded, ModuleTable, ModulesJson};
pub use platform::{EntryPoint, MapOf, NoMap, Platform, Published, Simulated};
pub use report::fact::{Fact, Value};
pub use report::picture::{Picture, PictureJson};
pub use report::timeline::{StageCost, Timeline};
pub use ring::{error::RingError, words::SharedWords};
pub use time::instant::Instant;
#[cfg(feature = "xenstore")]
pub use xenstore::{
    answer::{StorePermission, WatchEvent},
    error::{AnswerError, OutOfStep, RequestError, XenstoreError},
    store::Xenstore,
    transaction::StoreTransaction,
};

// What a kernel needs of the crates below.
pub use log;
pub use mmu::{
    Access, AddressSpace, DeviceInteger, Errno, IoAccess, IoPages, MappedPage, MappedPages, MmuError,
    OwnedPages, Refused, Region, layout,
};
pub use p2m::{Audit, Data, Frame, Free, Mapped, Mismatch, P2mEntry, P2mError, Sealed, Span, Writable};
pub use start_info::{
    BootFacts, CommandLine, Console, FrameBuffer, Index, Maddr, MapEntry, MapKind, MemoryMap, Mfn, PAGE_SIZE,
    PageCount, Pfn, PfnRange, Ring, Screen, TextMode,
};
pub use x86_64::VirtAddr;
