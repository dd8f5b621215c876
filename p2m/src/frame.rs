//! The right to use a page of memory, or a run of them.
//!
//! *What this is*: [`Frame`] is one page that its holder, and nobody else, may write; [`Span`] a run of PFNs that is not
//! yet mapped, or mapped and free. Neither can be copied or made outside this crate.
//!
//! *What must hold*: a frame or span is in exactly one place: the allocator, a table, a tree, or the payload. They are
//! moved, so the compiler keeps this.
//!
//! *What is not prevented*: dropping one. That loses memory and breaks nothing.

use core::marker::PhantomData;

use start_info::{Index, Mfn, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    Memory,
    memory::{Word, WordMut, entry_address},
};

/// A page of the guest's memory, mapped writable, held by one owner.
#[derive(Debug)]
pub struct Frame {
    pfn: Pfn,
    mfn: Mfn,
    address: VirtAddr,
}

impl Frame {
    pub(crate) const fn mint(pfn: Pfn, mfn: Mfn, address: VirtAddr) -> Self {
        Self { pfn, mfn, address }
    }

    /// Returns the page's pseudo-physical number.
    #[must_use]
    pub const fn pfn(&self) -> Pfn {
        self.pfn
    }

    /// Returns the page's machine number.
    #[must_use]
    pub const fn mfn(&self) -> Mfn {
        self.mfn
    }

    /// Returns the virtual address at which the page is mapped writable.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.address
    }

    /// Names a word of the page for reading.
    #[must_use]
    pub fn word(&self, index: Index) -> Word {
        Word::at(entry_address(self.address, u64::from(index.get())))
    }

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

/// The state of a span that is mapped writable and used for nothing.
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
    pub fn take_until(&mut self, end: u64) -> Self {
        let (head, tail) = cut(self.range, end);
        self.range = tail;
        Self::mint(head)
    }

    /// Hands every part of the span that lies outside all of `reserved` to `keep`, in ascending order.
    ///
    /// The reserved frames are no longer anybody's: who reserved them knows what they hold.
    pub fn without(mut self, reserved: &[PfnRange], mut keep: impl FnMut(Self)) {
        while !self.is_empty() {
            let next = reserved
                .iter()
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

impl Span<Unmapped> {
    /// Returns the right to the guest's first `pages` frames, none of which this layer has mapped yet.
    ///
    /// Called once per boot, with the count that start_info gives.
    #[must_use]
    pub const fn all_memory(pages: PageCount) -> Self {
        Self::mint(PfnRange::first(pages))
    }
}

fn cut(range: PfnRange, at: u64) -> (PfnRange, PfnRange) {
    let at = at.clamp(range.start(), range.end());
    match (Pfn::try_new(range.start()), Pfn::try_new(at), Pfn::try_new(range.end().saturating_sub(1))) {
        (Ok(start), Ok(middle), Ok(_)) if at < range.end() => {
            let tail = PageCount::try_new(range.end() - at).and_then(|len| PfnRange::try_new(middle, len));
            (PfnRange::between(start, middle), tail.unwrap_or_default())
        }
        _ => (range, PfnRange::default()),
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
            Span::<Mapped>::mint(run(10, 20)).without(reserved, |span| kept.push(span.range()));
            assert_eq!(kept, expected, "{reserved:?}");
        }
    }

    #[test]
    fn a_cut_outside_the_span_takes_all_or_nothing() {
        let mut span = Span::<Mapped>::mint(run(10, 20));
        assert!(span.take_until(3).is_empty());
        assert_eq!(span.take_until(13).range(), run(10, 13));
        assert_eq!(span.take_until(99).range(), run(13, 20));
        assert!(span.is_empty());
    }
}
