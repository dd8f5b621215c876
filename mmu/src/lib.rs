//! PV page tables under Xen's rule: a table is read-only once it is live.
//!
//! *What this is*: the direct map that grows chunk by chunk ([`DirectMap`]), the new address space ([`build_space`]),
//! the regions of the address space ([`Layout`]), and requests to Xen that only this crate can make. Private to the
//! crate: tables whose state is their type (`Table` as `Draft`, `Frozen` or `Live`) and entries that know their level.
//!
//! *What must hold*, and types enforce it:
//! - a table is written only while it is a draft, which owns the frame, so nobody else can write it;
//! - an entry that leads to a table is made from a frozen or live one of the level below;
//! - a frame has one role at a time: free, data, sealed, or table ([`p2m::Frame`]);
//! - nothing is both writable and executable: [`Access`] has no such variant;
//! - memory yields frames only after Xen accepted the tables that map it;
//! - a fixmap slot needs the settled layout, and Xen's hole is in no region.
//!
//! *What types do not prove*, so tests and runs under real Xen must: that the builder left no second writable alias of
//! a frame; that MFNs come from this domain; that an index belongs to the intended address; that a dropped frame is not
//! needed; that Xen agrees.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod device;
mod direct_map;
mod errno;
mod error;
mod hv;
pub mod layout;
mod operation;
mod paging;
mod space;
mod window;

pub use device::fixmap::{Fixmap, FixmapPage, TempMapping};
pub use device::io_map::{IoAccess, IoMap, IoPages};
pub use device::register::DeviceInteger;
pub use direct_map::{DirectMap, growing_frames::GrowingFrames, ramdisk::RamdiskPages};
pub use errno::{Errno, Partial};
pub use error::{MmuError, Refused, RunOf, WindowOf};
pub use hv::{ExtOp, Hypervisor, Machine, ReleasedMfn, Update, VaUpdate};
pub use layout::plan::{Layout, LayoutPlan};
pub use layout::region::Region;
pub use paging::entry::Access;
pub use space::address_space::AddressSpace;
pub use space::build::{ImagePart, MappedImage, NewSpace, build_space, map_leaf};
pub use space::builder_p2m::BuilderP2m;
pub use space::builder_tables::BuilderTables;
pub use space::live_tables::LiveTables;
pub use space::lookup::MappedPage;
pub use space::release::{Released, release, unmap_guard};
pub use space::slide::{ImageRoom, Unmoved, map_image_at};
pub use window::module::{MappedModule, ModulePart};
pub use window::owned::OwnedPages;
pub use window::payload_map::{MappedPages, PayloadMap};
pub use window::places::{Reservation, Window};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
