//! Loadable modules: from the ramdisk's bytes to bytes at an address.
//!
//! *What this is*: the pure half of the loader, and the table of what is loaded. [`RamdiskBytes`] unpacks the
//! compressed parts of the ramdisk, [`Archive`] finds `modules/NAME.ko` in it, `Info` is what a module says about
//! itself, `order` lists modules after those they need, `Plan` says where each section of an object lies, `Content`
//! which bytes each page gets, and [`Export`] is what the kernel lends. Nothing here follows a pointer or maps a page:
//! the executor (`guest/load.rs`) carries the plan out.
//!
//! *What must hold*: the executor writes every page through the direct map, and only then maps each part with the
//! protection its `PartKind` names; it never maps a part executable and writable.
//!
//! *What is not prevented*: a module that does harm. Its code runs with the kernel's rights.

mod content;
mod error;
mod export;
mod hex;
pub(crate) mod load_error;
mod name;
mod object;
mod order;
mod plan;
mod ramdisk;
pub(crate) mod table;
#[cfg(test)]
mod tests;

pub(crate) use content::Content;
pub use error::ModuleError;
pub use export::Export;
pub(crate) use export::Lent;
pub use name::PrintableName;
pub use object::info::ABI;
pub(crate) use object::part_kind::PartKind;
pub use object::relocation_kind::RelocationKind;
#[cfg(test)]
pub(crate) use object::{info::Info, section::Part};
pub(crate) use order::order;
pub(crate) use plan::Plan;
pub use ramdisk::archive::{Archive, Module, Shelf};
pub use ramdisk::unpacked::RamdiskBytes;
