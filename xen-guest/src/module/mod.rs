//! Loadable modules: from the ramdisk's bytes to bytes at an address.
//!
//! *What this is*: the pure half of the loader. [`Archive`] finds `modules/NAME.ko` in the ramdisk, [`Plan`] says where
//! each section of that object lies and which bytes the relocations put there, [`Export`] is what the kernel lends.
//! Nothing here follows a pointer or maps a page: the executor in `sys` carries the plan out.
//!
//! *What must hold*: the executor gives zeroed frames, writes everything through the direct map, and only then maps each
//! part with the protection its [`PartKind`] names; it never maps a part executable and writable.
//!
//! *What is not prevented*: a module that does harm. Its code runs with the kernel's rights.

mod archive;
mod elf;
mod error;
mod export;
mod plan;
mod relocation;
mod section;
mod symbol;
#[cfg(test)]
mod tests;

pub use archive::{Archive, Module};
pub use error::{Error, Name};
pub use export::{Export, find};
pub use plan::{Patch, Plan};
pub use relocation::Kind;
pub use section::{Part, PartKind};
