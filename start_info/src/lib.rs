//! What Xen passes to a PV guest at entry, as checked values.
//!
//! *What this is*: the four kinds of numbers every other crate works with ([`Pfn`], [`Mfn`], [`Maddr`], [`PageCount`])
//! and [`BootFacts`], the start_info page with every field checked against the others.
//!
//! *What must hold*: nothing here reads memory; the caller passes bytes it owns.
//!
//! *What is not prevented*: values that are wrong but consistent. The P2M itself is checked against the M2P one stage
//! later.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod addr;
mod area;
mod cmdline;
mod error;
mod flags;
mod mapping;
mod memory_map;
mod p2m_list;
mod page;
mod parse;
mod ramdisk;
mod ring;
mod ring_name;
mod screen;

pub use addr::{ENTRIES, Index, MAX_FRAMES, Maddr, Mfn, OutOfRange, PAGE_SIZE, PageCount, Pfn, PfnRange};
pub use area::Area;
pub use cmdline::CommandLine;
pub use error::StartInfoError;
pub use mapping::{KernelEntry, PageTables};
pub use memory_map::{MAX_REGIONS, MapEntry, MapError, MapKind, MapRegion, MemoryMap};
pub use p2m_list::{P2mList, P2mPlace};
pub use parse::BootFacts;
pub use ramdisk::RamdiskPlace;
pub use ring::{Console, Ring, VgaInfo};
pub use ring_name::RingName;
pub use screen::{Field, FrameBuffer, Mode, Screen, ScreenError, TextMode};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
