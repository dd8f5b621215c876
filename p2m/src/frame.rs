//! The right to use a page of memory, or a run of them.
//!
//! *What this is*: [`Frame`] is one page with one role at a time, as Xen demands: free, memory ([`Data`]), sealed, or,
//! inside `mmu`, a page table. [`Span`] is a run of PFNs that is not yet mapped, or mapped and free. Neither can be
//! copied or made outside this crate.
//!
//! *What must hold*: a frame or span is in exactly one place: the allocator, a table, a tree, or the payload. They are
//! moved, so the compiler enforces this. A frame that was mapped writable elsewhere is not free until that mapping is
//! gone; a count keeps track, as Xen's own does.
//!
//! *What is not prevented*: dropping one. That loses memory and breaks nothing.

use core::marker::PhantomData;

use start_info::{Index, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    Authority, Memory,
    memory::{Word, WordMut, entry_address},
};

/// The state of a frame that only the direct map maps: it may become a table or data, or be given back.
#[derive(Debug)]
pub struct Free(());

/// The state of a frame that may be mapped writable elsewhere, with the number of such mappings.
#[derive(Debug)]
pub struct Data {
    mappings: u32,
}

/// The state of a frame that nobody can write any more, so that it may be mapped executable.
#[derive(Debug)]
pub struct Sealed(());

/// The states in which the holder may write a frame.
pub trait Writable: private::Private {}
impl Writable for Free {}
impl Writable for Data {}

mod private {
    pub trait Private {}
    impl Private for super::Free {}
    impl Private for super::Data {}
}

/// A page of the guest's memory, held by one owner. It does not know its machine frame, which changes when a guest is
/// saved and restored: ask the P2M or the tables for it.
#[derive(Debug)]
pub struct Frame<S = Free> {
    pfn: Pfn,
    address: VirtAddr,
    state: S,
}

impl Frame {
    pub(crate) const fn mint(pfn: Pfn, address: VirtAddr) -> Self {
        Self { pfn, address, state: Free(()) }
    }

    /// Makes the page memory that may be mapped writable, and not a table.
    #[must_use]
    pub fn into_data(self) -> Frame<Data> {
        let Self { pfn, address, .. } = self;
        Frame { pfn, address, state: Data { mappings: 0 } }
    }

    /// Seals the page: it is no longer written. `mmu` calls this when it takes the writable mapping away.
    #[must_use]
    pub fn into_sealed(self, _: &Authority) -> Frame<Sealed> {
        let Self { pfn, address, .. } = self;
        Frame { pfn, address, state: Sealed(()) }
    }
}

impl Frame<Data> {
    /// Counts one more writable mapping, which is about to be made.
    pub const fn count_mapping(&mut self) {
        self.state.mappings += 1;
    }

    /// Counts one mapping fewer. `mmu` calls this when Xen has taken it away.
    pub const fn discount_mapping(&mut self, _: &Authority) {
        self.state.mappings = self.state.mappings.saturating_sub(1);
    }

    /// Names a word of the page for writing, at another address at which `mmu` has mapped it writable.
    pub fn word_mut_at(&mut self, _: &Authority, page: VirtAddr, index: Index) -> WordMut<'_> {
        WordMut::at(entry_address(page, u64::from(index.get())))
    }

    /// Makes the page free again.
    ///
    /// # Errors
    /// Gives the page back while it is still mapped elsewhere.
    pub fn into_free(self) -> Result<Frame, Self> {
        if self.state.mappings == 0 { Ok(Frame::mint(self.pfn, self.address)) } else { Err(self) }
    }
}

impl<S> Frame<S> {
    /// Returns the page's pseudo-physical number.
    #[must_use]
    pub const fn pfn(&self) -> Pfn {
        self.pfn
    }

    /// Returns the virtual address at which the direct map, or early in the boot the builder, maps the page.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.address
    }

    /// Names a word of the page for reading.
    #[must_use]
    pub fn word(&self, index: Index) -> Word {
        Word::at(entry_address(self.address, u64::from(index.get())))
    }
}

impl<S: Writable> Frame<S> {
    /// Names a word of the page for writing.
    pub fn word_mut(&mut self, index: Index) -> WordMut<'_> {
        WordMut::at(entry_address(self.address, u64::from(index.get())))
    }

    /// Writes one word of the page.
    pub fn set(&mut self, memory: &mut impl Memory, index: Index, value: u64) {
        memory.store(self.word_mut(index), value);
    }
}

/// The state of a span that no page table maps yet.
#[derive(Debug)]
pub enum Unmapped {}

/// The state of a span that is mapped writable and unused.
#[derive(Debug)]
pub enum Mapped {}

/// A run of frames held by one owner.
#[derive(Debug)]
pub struct Span<S> {
    range: PfnRange,
    state: PhantomData<S>,
}

impl<S> Span<S> {
    pub(crate) const fn mint(range: PfnRange) -> Self {
        Self { range, state: PhantomData }
    }

    /// Returns which frames the span has.
    #[must_use]
    pub const fn range(&self) -> PfnRange {
        self.range
    }

    /// Returns how many frames the span has.
    #[must_use]
    pub const fn len(&self) -> PageCount {
        self.range.len()
    }

    /// Tells whether the span has no frames.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Cuts off and returns the first frames, up to but not including `end`.
    pub fn take_until(&mut self, end: Pfn) -> Self {
        let head = self.range.below(end);
        self.range = self.range.from(end);
        Self::mint(head)
    }

    /// Cuts off and returns the first `len` frames, or all if there are fewer.
    pub(crate) fn take_first(&mut self, len: PageCount) -> Self {
        self.take_until(self.range.start().plus(len.get()))
    }

    /// Passes every part of the span outside `reserved` to `keep`, in ascending order.
    ///
    /// The reserved frames are dropped: whoever reserved them keeps track of them.
    pub fn without(mut self, reserved: impl Iterator<Item = PfnRange> + Clone, mut keep: impl FnMut(Self)) {
        while !self.is_empty() {
            let next = reserved
                .clone()
                .map(|range| range.intersection(self.range))
                .filter(|range| !range.is_empty())
                .min_by_key(|range| range.start());
            let Some(hole) = next else {
                keep(self);
                return;
            };
            let free = self.take_until(hole.start());
            if !free.is_empty() {
                keep(free);
            }
            let _reserved = self.take_until(hole.end());
        }
    }
}

impl Span<Mapped> {
    /// Makes a frame a run of one.
    #[must_use]
    pub fn of(frame: Frame) -> Self {
        Self::mint(PfnRange::one(frame.pfn))
    }

    /// Adds a frame at the end.
    ///
    /// # Errors
    /// Gives the frame back when it does not follow the last one.
    pub fn join(&mut self, frame: Frame) -> Result<(), Frame> {
        if frame.pfn != self.range.end() {
            return Err(frame);
        }
        self.range = PfnRange::between(self.range.start(), frame.pfn.plus(1));
        Ok(())
    }
}

impl Span<Unmapped> {
    /// Returns the right to the guest's first `pages` frames, none of which this layer has mapped yet.
    ///
    /// Called once per boot, with the count that start_info gives.
    #[must_use]
    pub const fn all_memory(_: &Authority, pages: PageCount) -> Self {
        Self::mint(PfnRange::first(pages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn run(start: u64, end: u64) -> PfnRange {
        PfnRange::between(Pfn::new(start), Pfn::new(end))
    }

    #[test]
    fn what_is_reserved_is_never_kept() {
        let cases: [(&[PfnRange], Vec<PfnRange>); 6] = [
            (&[], vec![run(10, 20)]),
            (&[run(0, 10), run(20, 30)], vec![run(10, 20)]),
            (&[run(12, 14)], vec![run(10, 12), run(14, 20)]),
            (&[run(15, 40), run(0, 11)], vec![run(11, 15)]),
            (&[run(12, 16), run(14, 18)], vec![run(10, 12), run(18, 20)]),
            (&[run(10, 20)], vec![]),
        ];
        for (reserved, expected) in cases {
            let mut kept = Vec::new();
            Span::<Mapped>::mint(run(10, 20))
                .without(reserved.iter().copied(), |span| kept.push(span.range()));
            assert_eq!(kept, expected, "{reserved:?}");
        }
    }

    #[test]
    fn only_the_frame_that_follows_joins_a_run() {
        let frame = |pfn| Frame::mint(Pfn::new(pfn), VirtAddr::new(pfn << 12));
        let mut span = Span::of(frame(10));
        assert_eq!(span.join(frame(12)).unwrap_err().pfn(), Pfn::new(12));
        assert_eq!(span.join(frame(10)).unwrap_err().pfn(), Pfn::new(10));
        span.join(frame(11)).unwrap();
        assert_eq!(span.range(), run(10, 12));
    }

    #[test]
    fn a_cut_outside_the_span_takes_all_or_nothing() {
        let mut span = Span::<Mapped>::mint(run(10, 20));
        assert!(span.take_until(Pfn::new(3)).is_empty());
        assert_eq!(span.take_until(Pfn::new(13)).range(), run(10, 13));
        assert_eq!(span.take_until(Pfn::new(99)).range(), run(13, 20));
        assert!(span.is_empty());
    }
}
