//! Free frames, and how they change owners.
//!
//! *What this is*: what common/page_alloc.c does for one domain (`alloc_domheap_pages`, `assign_pages`,
//! `free_domheap_pages`), and `guest_physmap_add_page` (mm/physmap.c).
//!
//! *What must hold*: a frame that is freed has no reference and no type, and its entry in the M2P is empty. Its
//! contents stay. `stricter:` two frames taken one after the other are not contiguous, unless one extent asked for
//! both.

use std::ops::Range;

use mmu::Errno;
use start_info::{ENTRIES, Mfn, Pfn};

use crate::frames::{FrameIndex, Owner};
use crate::guest::Domain;
use crate::machine::ModelMachine;

/// What the tools add to a domU's memory to get its limit, in pages (libxl_internal.h, `LIBXL_MAXMEM_CONSTANT`).
const SLACK: u64 = 256;
/// Distance from one frame taken to where the search for the next begins.
const STRIDE: usize = 3;

/// How many frames the domain has and may have, where to look for the next, and one frame of each block that changed
/// owner since [`ModelMachine::settle`].
#[derive(Clone, Debug)]
pub(crate) struct Heap {
    pub(crate) held: u64,
    pub(crate) most: u64,
    next: usize,
    changed: Vec<FrameIndex>,
}

impl Heap {
    /// Makes the account of a domain that has `held` frames. dom0 has no limit unless Xen's command line sets one.
    pub(crate) const fn new(domain: Domain, held: u64) -> Self {
        let most = match domain {
            Domain::Guest => held + SLACK,
            Domain::Dom0 => u32::MAX as u64,
        };
        Self { held, most, next: 0, changed: Vec::new() }
    }

    /// Notes that a frame changes owner.
    fn note(&mut self, frame: FrameIndex) {
        let block = |frame: FrameIndex| frame.number() as u64 / ENTRIES;
        if self.changed.last().is_none_or(|&last| block(last) != block(frame)) {
            self.changed.push(frame);
        }
    }
}

/// Returns the frames of an extent.
fn extent(first: FrameIndex, order: u32) -> impl Iterator<Item = FrameIndex> {
    let first = first.number() as u32;
    (first..first + (1 << order)).map(FrameIndex::numbered)
}

impl ModelMachine {
    /// Sets how many frames the guest may have, as `xl mem-max` and `dom0_mem=max:` do.
    pub const fn limit_pages(&mut self, most: u64) {
        self.heap.most = most;
    }

    /// Takes 2^`order` contiguous frames out of the heap and returns the first. No domain owns them yet.
    ///
    /// # Errors
    /// `ENOMEM` if there are none.
    pub(crate) fn allocate(&mut self, order: u32) -> Result<FrameIndex, Errno> {
        let found = self.find_for_guest(self.heap.next, order).or_else(|| self.find_for_guest(0, order));
        let first = found.ok_or(Errno::ENOMEM)?;
        extent(first, order).for_each(|frame| self.frames.give(frame, Owner::Other));
        self.heap.next = first.number() + (1 << order) - 1 + STRIDE;
        Ok(first)
    }

    /// Puts frames that were not assigned back.
    pub(crate) fn unallocate(&mut self, first: FrameIndex, order: u32) {
        extent(first, order).for_each(|frame| self.frames.give(frame, Owner::Nobody));
    }

    /// Gives the guest 2^`order` frames as the pages from `pfn` on; returns the first MFN.
    pub(crate) fn assign_extent(&mut self, first: FrameIndex, pfn: u64, order: u32) -> u64 {
        for (frame, offset) in extent(first, order).zip(0..) {
            self.frames.give(frame, Owner::Guest);
            self.heap.note(frame);
            self.set_page(self.frames.mfn(frame), pfn.wrapping_add(offset));
        }
        self.heap.held += 1 << order;
        self.frames.mfn(first).get()
    }

    /// Looks for free frames, except the one that is never given out.
    fn find_for_guest(&self, from: usize, order: u32) -> Option<FrameIndex> {
        let kept = self.frame(self.free_frame())?.number();
        let found = self.frames.find_free(from, order)?;
        if (found.number()..found.number() + (1 << order)).contains(&kept) {
            return self.frames.find_free(kept + 1, order);
        }
        Some(found)
    }

    /// Takes a frame that nothing refers to from the guest.
    pub(crate) fn free(&mut self, frame: FrameIndex) {
        self.frames.give(frame, Owner::Nobody);
        self.heap.note(frame);
        self.heap.held -= 1;
        self.m2p.remove(&self.frames.mfn(frame).get());
    }

    /// Compacts the blocks whose frames have become alike, at the end of a call: checking a block for each frame would
    /// take too long.
    pub(crate) fn settle(&mut self) {
        for frame in std::mem::take(&mut self.heap.changed) {
            self.frames.compact(frame);
        }
    }

    /// Sets the entry of the M2P for a frame.
    pub(crate) fn set_page(&mut self, mfn: Mfn, pfn: u64) {
        if self.built_mfn(pfn) == Some(mfn) {
            self.m2p.remove(&mfn.get());
        } else {
            self.m2p.insert(mfn.get(), pfn);
            self.moved.insert(pfn, mfn.get());
        }
    }

    /// Returns the frame the guest has now for a page, by the M2P; `None` if it has none.
    #[must_use]
    pub fn held_mfn(&self, pfn: u64) -> Option<Mfn> {
        let moved = self.moved.get(&pfn).and_then(|&mfn| Mfn::try_new(mfn).ok());
        let page = Pfn::try_new(pfn).ok()?;
        [moved, self.built_mfn(pfn)].into_iter().flatten().find(|&mfn| self.held_pfn(mfn) == Some(page))
    }

    /// Returns how many page numbers there are: up to the last with memory, and at least those the builder made.
    #[must_use]
    pub fn pages_now(&self) -> u64 {
        self.held(self.pages..u64::MAX).next_back().map_or(self.pages, |last| last + 1)
    }

    /// Returns the pages of a range that have memory, in ascending order. A range far above the builder's pages costs
    /// nothing.
    pub fn held(&self, pages: Range<u64>) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let built = pages.start.min(self.pages)..pages.end.min(self.pages);
        let later = pages.start.max(self.pages)..pages.end.max(self.pages);
        let later = self.moved.range(later).map(|(&pfn, _)| pfn);
        built.chain(later).filter(|&pfn| self.held_mfn(pfn).is_some())
    }

    /// Returns the page that a frame of the guest's is now, by the M2P; `None` if it is not the guest's or has no page.
    #[must_use]
    pub fn held_pfn(&self, mfn: Mfn) -> Option<Pfn> {
        let owner = self.record(mfn)?.owner();
        let pfn = p2m::MachineToPhys::machine_to_phys(self, mfn)?;
        if owner == Owner::Guest { Pfn::try_new(pfn).ok() } else { None }
    }
}
