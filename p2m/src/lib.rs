//! The guest's PFN to MFN map: built over the domain builder's list, then revectored, then published.
//!
//! *What this is*: the builder's flat [`List`], new page numbers by the machine's memory map ([`Renumbering`]), a
//! [`Tree`] built over both whose leaves are later copied into pages of our own ([`Tree::revector`]), the two forms the
//! toolstack reads ([`Publication`]), the audit against Xen's M2P, and the right to use a page of memory at all
//! ([`Frame`], [`Span`], [`FrameAllocator`]).
//!
//! *What must hold*: this crate turns no address into a pointer. Every access goes through [`Memory`], and only the
//! holder of a frame, of the list or of a committed linear map can name a [`Word`] to access. Linear maps and spans are
//! made with the [`Authority`]; a kernel has only one.
//!
//! *What is not prevented*: the holder of the authority committing a span that Xen has not mapped. `mmu::DirectMap`
//! holds it, and commits a span only after Xen accepted its tables.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod alloc;
mod authority;
mod boot_reserved;
mod conflict;
mod entry;
mod error;
mod frame;
mod frame_source;
mod lasting_pages;
mod leaf_kind;
mod linear_map;
mod list;
mod m2p;
mod memory;
mod page;
mod publish;
mod register;
mod renumbering;
mod revector;
mod ring_page;
mod translate;
mod tree;

pub use alloc::FrameAllocator;
pub use authority::Authority;
pub use boot_reserved::{BootReserved, MAX_OCCUPANTS, Occupant};
pub use conflict::Conflict;
pub use entry::P2mEntry;
pub use error::P2mError;
pub use frame::{Data, Frame, Free, Mapped, Sealed, Span, Unmapped, Writable};
pub use frame_source::FrameSource;
pub use lasting_pages::{LastingPages, LastingRun};
pub use linear_map::{LinearMap, SharedPage};
pub use list::List;
pub use m2p::{Audit, MachineToPhys, Mismatch, audit};
pub use memory::{Memory, Word, WordMut};
pub use publish::Publication;
pub use register::{Register, Width};
pub use renumbering::{Displaced, Move, Renumbering};
pub use revector::Revectored;
pub use ring_page::{check_listed, ring_page};
pub use translate::Translate;
pub use tree::{NewLeaf, Set, Tree};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
