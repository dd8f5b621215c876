//! Loadable modules: from the ramdisk's bytes to bytes at an address.
//!
//! *What this is*: the pure half of the loader. [`Ramdisk`] unpacks what the ramdisk has packed, [`Archive`] finds `modules/NAME.ko` in it, `Info` is what it says
//! about itself, `order` lists modules after those they need, `Plan` says where each section of an object lies,
//! `Content` which bytes each of its pages gets, [`Export`] is what the kernel lends. Nothing here follows a pointer or
//! maps a page: the executor (`load.rs`) carries the plan out.
//!
//! *What must hold*: the executor writes every page through the direct map, and only then maps each part with the protection
//! its `PartKind` names; it never maps a part executable and writable.
//!
//! *What is not prevented*: a module that does harm. Its code runs with the kernel's rights.

mod archive;
mod content;
mod elf;
mod error;
mod export;
mod gzip;
mod info;
mod order;
mod part_kind;
mod plan;
mod ramdisk;
mod relocation;
mod relocation_kind;
mod section;
mod symbol;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Module, Shelf};
pub(crate) use content::Content;
pub use error::{Error, Name};
pub use export::Export;
pub(crate) use export::Lent;
pub use info::ABI;
pub(crate) use order::order;
pub(crate) use part_kind::PartKind;
pub(crate) use plan::Plan;
pub use ramdisk::Ramdisk;
pub use relocation_kind::Kind;
#[cfg(test)]
pub(crate) use {info::Info, section::Part};
