//! A boot layer for Xen PV guest kernels: from start_info to a loaded module.
//!
//! *What this is*: the stages of a boot ([`boot()`] runs them all, on real Xen or on a model), module loading, what firmware
//! left for dom0 ([`firmware`]), and, for the target without an operating system, the entry point and everything unsafe
//! (`sys`; parts of it in tests too).
//!
//! A kernel names its payload with `entry!` and gets a [`Guest`], which owns all there is: memory mapped at `__va`, page
//! tables, the P2M, free frames, the module window, and the hypervisor under them.
//!
//! *What must hold*: the image is linked with this repository's `linker.ld`, without a red zone.
//!
//! *What is not prevented*: a payload that makes hypercalls of its own by unsafe code and breaks the tables' rules. Xen refuses
//! those.

#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod boot;
#[cfg_attr(
    not(any(target_os = "none", test)),
    expect(dead_code, reason = "asked at the entry point, which the host has not")
)]
mod demands;
mod failure;
pub mod firmware;
mod guest;
mod image;
mod load_error;
mod loaded;
pub mod module;
mod options;
mod picture;
mod platform;
mod refusal;
mod report;
mod rings;
mod stage;
pub mod sys;

pub use boot::{boot, image_address};
pub use demands::Missing;
pub use failure::{Cause, Failure};
#[cfg(target_os = "none")]
pub use guest::HeapError;
pub use guest::{Guest, RamdiskError, RamdiskModules, UnpackedRamdisk};
pub use image::Image;
pub use load_error::LoadError;
pub use loaded::{Cost, Loaded, ModuleTable, ModulesJson};
pub use options::{Mapping, Options, Revector, Then};
pub use picture::Picture;
pub use platform::{EntryPoint, MapOf, NoMap, Platform, Published, Simulated};
pub use report::{Record, Report};
pub use stage::{Running, Setting};
