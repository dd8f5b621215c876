//! A stretch of pseudo-physical memory that is mapped at a fixed offset.
//!
//! *What this is*: frame number to virtual address and back, for the builder's mapping (`__ka`) and for the direct map
//! (`__va`), each up to its mapped end.
//!
//! *What must hold*: every frame of the map that has memory is mapped at `base + pfn * 4096`, at least for reading. The
//! P2M says which frames have memory; a [`Frame`], not the map, gives the right to write one.

use start_info::{Index, PAGE_SIZE, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    Authority, Frame,
    entry::P2mEntry,
    frame::{Mapped, Span, Unmapped},
    memory::{Memory, Word, entry_address},
    translate::Translate,
};

/// The first frames of the guest, mapped one after the other from a base address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearMap {
    base: VirtAddr,
    pages: PageCount,
}

/// A page that another domain reads and writes too.
#[derive(Debug)]
pub struct SharedPage(VirtAddr);

impl SharedPage {
    /// Returns where the page is mapped.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.0
    }
}

impl LinearMap {
    /// Describes a mapping the builder made: the guest's first `pages` frames from `base` on.
    #[must_use]
    pub const fn of_builder(_: &Authority, base: VirtAddr, pages: PageCount) -> Self {
        Self { base, pages }
    }

    /// Describes a mapping that has no pages yet.
    #[must_use]
    pub const fn empty(base: VirtAddr) -> Self {
        Self { base, pages: PageCount::ZERO }
    }

    /// Records that Xen accepted the tables that map `span`, the frames after the map's last, and returns the span as
    /// mapped.
    ///
    /// # Errors
    /// Gives the span back when it does not start where the map ends.
    pub fn extend(&mut self, _: &Authority, span: Span<Unmapped>) -> Result<Span<Mapped>, Span<Unmapped>> {
        if span.range().start() != self.frames().end() {
            return Err(span);
        }
        self.pages = self.pages.and(span.len());
        Ok(Span::mint(span.range()))
    }

    /// Returns the free frames `range` of a mapping the builder made; empty where the map does not reach.
    ///
    /// The caller knows from start_info that they hold nothing.
    #[must_use]
    pub fn free_span(&self, _: &Authority, range: PfnRange) -> Span<Mapped> {
        Span::mint(range.intersection(self.frames()))
    }

    /// Returns which frames are mapped.
    #[must_use]
    pub const fn frames(&self) -> PfnRange {
        PfnRange::first(self.pages)
    }

    /// Returns the address of frame 0.
    #[must_use]
    pub const fn base(&self) -> VirtAddr {
        self.base
    }

    /// Returns the address of `pfn`, if it is mapped.
    #[must_use]
    pub fn address(&self, pfn: Pfn) -> Option<VirtAddr> {
        self.frames().contains(pfn).then(|| self.base + pfn.get() * PAGE_SIZE)
    }

    /// Returns the frame that is mapped at `address`, if any.
    #[must_use]
    pub(crate) fn pfn(&self, address: VirtAddr) -> Option<Pfn> {
        let offset = address.as_u64().checked_sub(self.base.as_u64())?;
        Pfn::try_new(offset / PAGE_SIZE).ok().filter(|&pfn| self.frames().contains(pfn))
    }

    /// Names a word of a mapped frame for reading.
    #[must_use]
    pub fn word(&self, pfn: Pfn, index: Index) -> Option<Word> {
        self.address(pfn).map(|page| Word::at(entry_address(page, u64::from(index.get()))))
    }

    /// Names a mapped page that is shared with another domain, such as the console ring.
    ///
    /// The caller knows from start_info that the page is one; nothing else is ever kept in it.
    #[must_use]
    pub fn shared_page(&self, _: &Authority, pfn: Pfn) -> Option<SharedPage> {
        self.address(pfn).map(SharedPage)
    }

    /// Takes ownership of a frame that was a page table and has just become writable here. Only `mmu` knows when that
    /// is so.
    #[must_use]
    pub fn reclaim(&self, _: &Authority, pfn: Pfn) -> Option<Frame> {
        self.address(pfn).map(|address| Frame::mint(pfn, address))
    }

    /// Turns the first frame of a free span into an owned frame; `None` when the span is empty or its first page has no
    /// memory.
    #[must_use]
    pub fn take_first(
        &self,
        span: &mut Span<Mapped>,
        memory: &impl Memory,
        p2m: &impl Translate,
    ) -> Option<Frame> {
        let pfn = span.take_first(PageCount::new(1)).range().iter().next()?;
        let address = self.address(pfn)?;
        p2m.entry(memory, pfn).ram().map(|_| Frame::mint(pfn, address))
    }

    /// Turns the last frame of a free span into an owned frame; `None` when the span is empty.
    ///
    /// Frames that are missing in the P2M are skipped: they have no memory to own.
    pub(crate) fn take_last(
        &self,
        span: &mut PfnRange,
        memory: &impl Memory,
        p2m: &impl Translate,
    ) -> Option<Frame> {
        while let Some(pfn) = span.last() {
            *span = span.below(pfn);
            if let (Some(address), P2mEntry::Ram(_)) = (self.address(pfn), p2m.entry(memory, pfn)) {
                return Some(Frame::mint(pfn, address));
            }
        }
        None
    }
}
