//! How far memory is mapped.
//!
//! *What this is*: the pages that no table maps yet, and how much of the guest's memory is mapped, out of how much.
//!
//! *What must hold*: what is not in the rest was mapped, or is a number without memory. The two counts are of memory: numbers
//! without any are in neither.

use p2m::{Span, Unmapped};
use start_info::{PageCount, PfnRange};

use crate::error::{Doing, Error};

/// What of the guest's pages is mapped, and what is left.
#[derive(Debug)]
pub(super) struct Extent {
    rest: Span<Unmapped>,
    total: PageCount,
    memory: u64,
    mapped: u64,
}

impl Extent {
    /// Starts with nothing mapped.
    pub(super) const fn new(rest: Span<Unmapped>, memory: PageCount) -> Self {
        let total = rest.len();
        Self { rest, total, memory: memory.get(), mapped: 0 }
    }

    /// Returns the pages that are not mapped yet.
    pub(super) const fn rest(&self) -> PfnRange {
        self.rest.range()
    }

    /// Gives the right to the pages below `end`, whose tables Xen accepted, or which have no memory.
    pub(super) fn take_until(&mut self, end: u64) -> Span<Unmapped> {
        self.rest.take_until(end)
    }

    /// Takes note of so many more pages of memory that are mapped.
    pub(super) const fn add_mapped(&mut self, pages: u64) {
        self.mapped += pages;
    }

    /// Takes note of a page of memory that goes back to Xen.
    pub(super) const fn leave(&mut self, was_mapped: bool) {
        self.memory = self.memory.saturating_sub(1);
        self.mapped = self.mapped.saturating_sub(was_mapped as u64);
    }

    /// Returns how many page numbers there are.
    pub(super) const fn total(&self) -> PageCount {
        self.total
    }

    /// Returns how many pages of memory there are.
    pub(super) fn memory(&self) -> PageCount {
        PageCount::try_new(self.memory).unwrap_or_default()
    }

    /// Returns how many of them are mapped.
    pub(super) fn mapped(&self) -> PageCount {
        PageCount::try_new(self.mapped).unwrap_or_default()
    }

    /// Says that no frame is left in what is mapped.
    pub(super) fn no_frames(&self) -> Error {
        Error::NoFrames { doing: Doing::DirectMap, mapped: self.mapped(), total: self.memory() }
    }
}
