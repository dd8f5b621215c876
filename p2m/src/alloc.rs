//! The one source of frames.
//!
//! *What this is*: a stack of free spans of the direct map. Frames are taken from the end of the span that was added
//! last, so page tables come from the end of the chunk just mapped; freed frames go on top. Frames given back in
//! reverse order leave the stack as it was.
//!
//! *What must hold*: a span is described in its own first page, so any number of spans needs no other memory. That page
//! is free: nobody else writes it.
//!
//! *What is not prevented*: fragmentation. A span is joined only with the one on top, if it follows it;
//! [`FrameAllocator::take_span`] searches the spans.

use start_info::{Index, PageCount, Pfn, PfnRange};

use crate::{
    Frame, LinearMap, Memory,
    frame::{Mapped, Span},
    translate::Translate,
};

const LENGTH: Index = Index::new(0);
const BELOW: Index = Index::new(1);
const NOTHING: u64 = u64::MAX;

/// The free frames of a linear map.
#[derive(Debug)]
pub struct FrameAllocator {
    linear: LinearMap,
    /// The span frames are taken from.
    top: PfnRange,
    /// The first frame of the next span, which describes itself.
    below: Option<Pfn>,
    free: u64,
    taken: u64,
}

impl FrameAllocator {
    /// Makes an allocator without frames for a linear map.
    #[must_use]
    pub const fn new(linear: LinearMap) -> Self {
        Self { linear, top: PfnRange::EMPTY, below: None, free: 0, taken: 0 }
    }

    /// Sets the map's new extent. If the base address differs, the frames that were free through the old map are
    /// dropped: the new one hands out memory anew.
    pub fn move_to(&mut self, linear: LinearMap) {
        if self.linear.base() != linear.base() {
            (self.top, self.below, self.free) = (PfnRange::EMPTY, None, 0);
        }
        self.linear = linear;
    }

    /// Returns how many frames are free.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.free
    }

    /// Returns how many frames were ever taken.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.taken
    }

    /// Adds a span of free frames.
    pub fn give(&mut self, memory: &mut impl Memory, span: Span<Mapped>) {
        if span.is_empty() {
            return;
        }
        self.free += span.len().get();
        self.push(memory, span.range());
    }

    /// Takes back a frame; its contents are lost.
    pub fn give_frame(&mut self, memory: &mut impl Memory, frame: Frame) {
        self.give(memory, Span::mint(PfnRange::one(frame.pfn())));
    }

    /// Takes a frame; its contents are undefined. `None` when there are no more.
    pub fn take(&mut self, memory: &impl Memory, p2m: &impl Translate) -> Option<Frame> {
        if memory.denies_frame() {
            return None;
        }
        loop {
            let before = self.top.len().get();
            let frame = self.linear.take_last(&mut self.top, memory, p2m);
            self.free -= before - self.top.len().get();
            if frame.is_some() {
                self.taken += 1;
                return frame;
            }
            if !self.pop(memory) {
                return None;
            }
        }
    }

    /// Takes a run of `len` adjacent frames; `None` when no span is long enough.
    pub fn take_span(&mut self, memory: &mut impl Memory, len: PageCount) -> Option<Span<Mapped>> {
        if memory.denies_frame() {
            return None;
        }
        let mut found = None;
        let mut passed: Option<Pfn> = None;
        loop {
            if self.top.len() >= len {
                let mut rest = Span::<Mapped>::mint(self.top);
                let kept = rest.take_first(self.top.len().less(len));
                self.top = kept.range();
                self.free -= len.get();
                self.taken += len.get();
                found = Some(rest);
                break;
            }
            // Set the span aside on a chain of its own, then try the next.
            if !self.top.is_empty() {
                self.describe(memory, self.top, passed);
                passed = Some(self.top.start());
            }
            self.top = PfnRange::EMPTY;
            if !self.pop(memory) {
                break;
            }
        }
        while let Some(first) = passed {
            let (range, next) = self.read_description(memory, first);
            passed = next;
            self.push(memory, range);
        }
        found
    }

    /// Returns the length of the longest free span.
    #[must_use]
    pub fn longest(&self, memory: &impl Memory) -> PageCount {
        self.spans(memory).map(PfnRange::len).max().unwrap_or(PageCount::ZERO)
    }

    /// Returns how many of the pages are free. Pages without memory that lie in a free span count.
    #[must_use]
    pub fn free_in(&self, memory: &impl Memory, pages: PfnRange) -> PageCount {
        self.spans(memory).fold(PageCount::ZERO, |free, span| free.and(span.intersection(pages).len()))
    }

    /// Returns the free spans, the one that frames are taken from first.
    fn spans<M: Memory>(&self, memory: &M) -> impl Iterator<Item = PfnRange> {
        let mut next = self.below;
        let below = core::iter::from_fn(move || {
            let (range, below) = self.read_description(memory, next?);
            next = below;
            Some(range)
        });
        core::iter::once(self.top).chain(below)
    }

    fn push(&mut self, memory: &mut impl Memory, range: PfnRange) {
        if !self.top.is_empty() {
            if self.top.end() == range.start() {
                self.top = PfnRange::between(self.top.start(), range.end());
                return;
            }
            self.describe(memory, self.top, self.below);
            self.below = Some(self.top.start());
        }
        self.top = range;
    }

    fn pop(&mut self, memory: &impl Memory) -> bool {
        let Some(first) = self.below else { return false };
        (self.top, self.below) = self.read_description(memory, first);
        true
    }

    /// Writes a span's length, and where the span below starts, into its first page.
    fn describe(&self, memory: &mut impl Memory, span: PfnRange, below: Option<Pfn>) {
        let first = span.start();
        if let Some(page) = self.linear.address(first) {
            // The first page of a free span is ours to write.
            let mut frame = Frame::mint(first, page);
            frame.set(memory, LENGTH, span.len().get());
            frame.set(memory, BELOW, below.map_or(NOTHING, Pfn::get));
        }
    }

    fn read_description(&self, memory: &impl Memory, first: Pfn) -> (PfnRange, Option<Pfn>) {
        let read = |index| self.linear.word(first, index).map_or(NOTHING, |word| memory.load(word));
        // `describe` wrote these words. Whatever they say, no page outside the map becomes free.
        let range = PfnRange::between(first, first.plus(read(LENGTH))).intersection(self.linear.frames());
        (range, Pfn::try_new(read(BELOW)).ok())
    }
}
