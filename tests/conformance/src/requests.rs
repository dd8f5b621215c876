//! More raw requests: descriptors, extents of frames, entries of a multicall.
//!
//! *What this is*: the arguments of `set_gdt`, `update_descriptor`, `memory_op` and `multicall`.
//!
//! *What must hold*: as in [`crate::Request`]. What is given back was taken by the [`crate::Bench`]; Xen refuses
//! anything else.

use crate::request::{Change, ExtendedOperation, Request};

/// The frames of a global descriptor table.
#[derive(Clone, Copy, Debug)]
pub struct RequestedTable<'a> {
    frames: &'a [u64],
    entries: u32,
}

impl<'a> RequestedTable<'a> {
    pub(crate) const fn new(frames: &'a [u64], entries: u32) -> Self {
        Self { frames, entries }
    }

    /// Returns the frames: at least as many as the descriptors need, unless these are too many.
    #[must_use]
    pub const fn frames(&self) -> &'a [u64] {
        self.frames
    }

    /// Returns the number of descriptors.
    #[must_use]
    pub const fn entries(&self) -> u32 {
        self.entries
    }
}

/// A write of one descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    address: u64,
    value: u64,
}

impl Descriptor {
    pub(crate) const fn new(address: u64, value: u64) -> Self {
        Self { address, value }
    }

    /// Returns the machine address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// Returns the descriptor.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }
}

/// Extents of frames or pages, by the first number of each.
#[derive(Debug)]
pub struct Extents<'a> {
    numbers: &'a mut [u64],
    order: u32,
}

impl<'a> Extents<'a> {
    pub(crate) const fn new(numbers: &'a mut [u64], order: u32) -> Self {
        Self { numbers, order }
    }

    /// Returns the numbers, which the call may replace.
    pub const fn numbers(&mut self) -> &mut [u64] {
        self.numbers
    }

    /// Returns how many frames an extent has, as a power of two.
    #[must_use]
    pub const fn order(&self) -> u32 {
        self.order
    }
}

/// An entry of a multicall.
#[derive(Clone, Copy, Debug)]
pub struct Step(Part);

/// What an entry does.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// `mmu_update` with one request.
    Update(Request),
    /// `mmuext_op` with one operation.
    Operation(ExtendedOperation),
    /// `update_va_mapping`.
    Map(Change),
    /// `sched_op`: lets others run.
    Yield,
    /// A multicall.
    Nested,
    /// Hypercall 63.
    Unknown,
}

impl Step {
    pub(crate) const fn new(part: Part) -> Self {
        Self(part)
    }

    /// Returns what the entry does.
    #[must_use]
    pub const fn part(&self) -> &Part {
        &self.0
    }
}
