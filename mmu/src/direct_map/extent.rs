//! How far memory is mapped.
//!
//! *What this is*: the pages that no table maps yet, how much memory the guest has, and how much of it is mapped.
//!
//! *What must hold*: what is not left to map was mapped, or is a number without memory. Both counts are of memory:
//! numbers without any are in neither.

use p2m::{Span, Unmapped};
use start_info::{PageCount, Pfn, PfnRange};

use crate::error::{MmuError, Operation};

/// Which of the guest's pages are mapped, and which are left.
#[derive(Debug)]
pub(super) struct Extent {
    rest: Span<Unmapped>,
    total: PageCount,
    memory: PageCount,
    mapped: PageCount,
}

impl Extent {
    /// Starts with nothing mapped.
    pub(super) const fn new(rest: Span<Unmapped>, memory: PageCount) -> Self {
        let total = rest.len();
        Self { rest, total, memory, mapped: PageCount::ZERO }
    }

    /// Returns the pages that are not mapped yet.
    pub(super) const fn rest(&self) -> PfnRange {
        self.rest.range()
    }

    /// Returns the pages below `end`, whose tables Xen accepted or which have no memory.
    pub(super) fn take_until(&mut self, end: Pfn) -> Span<Unmapped> {
        self.rest.take_until(end)
    }

    /// Counts `pages` more pages of memory as mapped.
    pub(super) const fn add_mapped(&mut self, pages: PageCount) {
        self.mapped = self.mapped.and(pages);
    }

    /// Counts a page of memory that goes back to Xen.
    pub(super) const fn leave(&mut self, was_mapped: bool) {
        self.memory = self.memory.less(PageCount::new(1));
        self.mapped = self.mapped.less(PageCount::new(was_mapped as u64));
    }

    /// Returns how many page numbers there are.
    pub(super) const fn total(&self) -> PageCount {
        self.total
    }

    /// Returns how many pages of memory there are.
    pub(super) const fn memory(&self) -> PageCount {
        self.memory
    }

    /// Returns how many of them are mapped.
    pub(super) const fn mapped(&self) -> PageCount {
        self.mapped
    }

    /// Returns the error that no frame is left in what is mapped.
    pub(super) const fn no_frames(&self) -> MmuError {
        MmuError::NoFrames { doing: Operation::DirectMap, mapped: self.mapped(), total: self.memory() }
    }
}
