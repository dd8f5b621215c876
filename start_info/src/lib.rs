//! What Xen hands a PV guest at entry, as checked values.
//!
//! *What this is*: the four kinds of numbers every other crate works with ([`Pfn`], [`Mfn`], [`Maddr`], [`PageCount`])
//! and [`BootFacts`], the start_info page after every field has been checked against the others.
//!
//! *What must hold*: nothing here reads memory; the caller passes bytes it owns.
//!
//! *What is not prevented*: a Xen that lies consistently. The P2M itself is checked against the M2P one stage later.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod addr;

pub use addr::{ENTRIES, Index, MAX_FRAMES, Maddr, Mfn, OutOfRange, PAGE_SIZE, PageCount, Pfn, PfnRange};
