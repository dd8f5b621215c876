//! A boot layer for Xen PV guest kernels: from start_info to a loaded module.
//!
//! *What this is*: the stages of a boot ([`boot()`] runs them all, on real Xen or on a model), module loading, and what
//! firmware left for dom0 ([`firmware`]). For the target without an operating system there are also the entry point and
//! everything unsafe (`sys`; tests compile parts of it too).
//!
//! A kernel names its payload with `entry!` and gets a [`Guest`], which owns everything: memory mapped at `__va`, page
//! tables, the P2M, free frames, the module window, and the hypervisor under them.
//!
//! A kernel is a package with this dependency, a `main.rs`, and a `.cargo/config.toml` with the line
//! `build.target = "x86_64-unknown-none"`:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! use xen_guest::{Guest, entry, sys};
//!
//! entry!(main);
//!
//! fn main(guest: Guest) -> ! {
//!     log::info!("{}", guest.picture());
//!     sys::shutdown(sys::Reason::Poweroff)
//! }
//! ```
//!
//! The build script has rustc link it by `xen-guest.ld`. No flag is needed, and any profile will do.
//!
//! *What must hold*: the image is linked by that script, without a red zone.
//!
//! *What is not prevented*: a payload whose unsafe code makes its own hypercalls and breaks the rules of page tables.
//! Xen refuses those.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod boot;
pub mod firmware;
mod guest;
pub mod module;
mod platform;
mod report;
pub mod sys;

pub use boot::context::BootContext;
pub use boot::demands::Missing;
pub use boot::failure::{Cause, Failure};
pub use boot::image::Image;
pub use boot::options::{Mapping, Options, Revector, Then};
pub use boot::running::Running;
pub use boot::stage::Stage;
pub use boot::{boot, image_address};
#[cfg(target_os = "none")]
pub use guest::HeapError;
pub use guest::{Guest, RamdiskError, RamdiskModules, UnpackedRamdisk};
pub use module::load_error::LoadError;
pub use module::table::{Cost, Loaded, ModuleTable, ModulesJson};
pub use platform::{EntryPoint, MapOf, NoMap, Platform, Published, Simulated};
pub use report::fact::{Fact, Value};
pub use report::picture::{Picture, PictureJson};
pub use report::timeline::{StageCost, Timeline};
