//! The tree over the P2M: top, middle and leaf pages of 512 words.
//!
//! *What this is*: a radix tree whose inner words are the virtual addresses of the pages below and whose leaves hold
//! [`P2mEntry`] words. Two inner levels reach 2^27 pages (512 GiB); a third is added when the guest is larger.
//!
//! *What must hold*: a leaf is a page of the builder's list, a page of our own reached through the direct map, or one
//! of the two shared leaves (all missing, all identity), which are never written once filled.
//!
//! *What is not prevented*: a change that the toolstack does not see. [`Tree::set`] returns the new leaf if it made
//! one, and `must_use` reminds the caller to publish it (`mmu::map_leaf`, [`crate::Publication::replace`]) or to take
//! it back ([`Tree::undo`]).

use core::ops::Range;

use start_info::{ENTRIES, Mfn, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    Frame, LinearMap, List, Memory, P2mError, Renumbering,
    entry::P2mEntry,
    frame_source::FrameSource,
    leaf_kind::LeafKind,
    page::{Page, copy_of, mixed_leaf, new_page, page_pfn},
    translate::Translate,
};

/// A leaf that took the place of a shared one.
#[must_use = "the toolstack reads the old leaf until the new one is published"]
#[derive(Debug, PartialEq, Eq)]
pub struct NewLeaf {
    index: u64,
    /// The shared leaf that was there.
    before: Page,
}

impl NewLeaf {
    /// Returns which leaf it is: the PFN of its first entry, divided by 512.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
}

/// What [`Tree::set`] did.
#[must_use = "the toolstack reads the old leaf until the new one is published"]
#[derive(Debug, PartialEq, Eq)]
pub enum Set {
    /// The entry was changed in its leaf, which the toolstack already reads.
    InPlace,
    /// A new leaf was made.
    New(NewLeaf),
}

/// The P2M as a tree.
#[derive(Debug)]
pub struct Tree {
    root: Page,
    /// Inner levels, at least two.
    inner: u32,
    pages: PageCount,
    missing: Page,
    identity: Page,
    /// The builder's, some of whose pages may be leaves.
    list: List,
}

impl Tree {
    /// Builds a tree whose leaves are the pages of the builder's list; where the [`Renumbering`] differs from the list,
    /// leaves of our own.
    ///
    /// # Errors
    /// The source's error when it has no frame for an inner page or a leaf.
    pub fn over<M: Memory, S: FrameSource<M>>(
        renumbering: &Renumbering,
        memory: &mut M,
        source: &mut S,
    ) -> Result<Self, S::Error> {
        let pages = renumbering.pages();
        let root = new_page(memory, source, 0)?;
        let missing = new_page(memory, source, P2mEntry::MISSING)?;
        let identity = new_page(memory, source, P2mEntry::Identity.encode())?;
        let (inner, list) = (inner_levels(pages), *renumbering.list());
        let tree = Self { root, inner, pages, missing, identity, list };
        let mut index = 0;
        while index < tree.leaves() {
            let (kind, end) = renumbering.leaves(index);
            let leaf = match kind {
                LeafKind::List => Page::of_list(renumbering.list().page(index)),
                LeafKind::Missing => missing,
                LeafKind::Identity => identity,
                LeafKind::Mixed => mixed_leaf(renumbering, memory, source, index)?,
            };
            if end == index + 1 {
                tree.put_leaf(memory, source, index, leaf)?;
            } else {
                tree.put_leaves(memory, source, index..end.min(tree.leaves()), leaf)?;
            }
            index = end;
        }
        Ok(tree)
    }

    /// Returns how many pages of memory the tree describes.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        self.pages
    }

    /// Returns how many leaves the tree has; the last may be used in part.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.pages.of_words().get()
    }

    /// Returns how many inner levels are above the leaves.
    #[must_use]
    pub const fn inner_levels(&self) -> u32 {
        self.inner
    }

    /// Changes the entry of a page. A shared leaf is first replaced by a copy of its own.
    ///
    /// # Errors
    /// [`P2mError::Beyond`] for a page beyond the last; the source's error when a leaf is needed and no frame is free.
    pub fn set<M: Memory, S: FrameSource<M>>(
        &mut self,
        memory: &mut M,
        source: &mut S,
        pfn: Pfn,
        entry: P2mEntry,
    ) -> Result<Set, S::Error> {
        if pfn.get() >= self.pages.get() {
            return Err(P2mError::Beyond { pfn, pages: self.pages }.into());
        }
        let index = pfn.get() / ENTRIES;
        let before = self.leaf_or_missing(memory, index);
        if !self.is_shared(before) {
            before.store(memory, pfn.get() % ENTRIES, entry.encode());
            return Ok(Set::InPlace);
        }
        if before.load(memory, 0) == entry.encode() {
            return Ok(Set::InPlace);
        }
        // Missing inner pages come first, so that no leaf is lost if there is no frame for them.
        self.put_leaf(memory, source, index, before)?;
        let leaf = copy_of(memory, source, before)?;
        leaf.store(memory, pfn.get() % ENTRIES, entry.encode());
        self.put_leaf(memory, source, index, leaf)?;
        Ok(Set::New(NewLeaf { index, before }))
    }

    /// Makes all 512 entries of leaf `index` identity entries, by pointing at the shared identity leaf.
    ///
    /// # Errors
    /// [`P2mError::Beyond`] for a leaf that does not have all its 512 pages, the source's error when an inner page is
    /// needed and no frame is free.
    pub fn set_identity_leaf<M: Memory, S: FrameSource<M>>(
        &mut self,
        memory: &mut M,
        source: &mut S,
        index: u64,
    ) -> Result<NewLeaf, S::Error> {
        // A leaf that is used in part would get identity entries beyond the last page.
        if index >= self.pages.get() / ENTRIES {
            let pfn = Pfn::clamped(index.saturating_mul(ENTRIES));
            return Err(P2mError::Beyond { pfn, pages: self.pages }.into());
        }
        let before = self.leaf_or_missing(memory, index);
        self.put_leaf(memory, source, index, self.identity)?;
        Ok(NewLeaf { index, before })
    }

    /// Puts the previous leaf back, for a caller that cannot publish the new one, and returns the new one's frame;
    /// `None` for a shared leaf, and for one that the direct map `linear` does not map.
    pub fn undo(&mut self, memory: &mut impl Memory, linear: &LinearMap, new: NewLeaf) -> Option<Frame> {
        let leaf = self.leaf(memory, new.index)?;
        let frame = self.leaf_pfn(memory, linear, new.index).ok().and_then(|pfn| {
            self.entry(memory, pfn).ram().and(linear.address(pfn)).map(|page| Frame::mint(pfn, page))
        });
        self.lowest(memory, new.index)?.store(
            memory,
            inner_index(new.index, 0),
            new.before.address().as_u64(),
        );
        frame.filter(|_| !self.is_shared(leaf))
    }

    /// Returns the address of leaf `index`, if the tree has one there.
    #[must_use]
    pub fn leaf_address(&self, memory: &impl Memory, index: u64) -> Option<VirtAddr> {
        self.leaf(memory, index).map(Page::address)
    }

    /// Returns the page that leaf `index` is, as the direct map `linear` knows it.
    ///
    /// # Errors
    /// [`P2mError::StrayLeaf`] for a leaf outside it, such as one of the builder's list before revectoring.
    pub fn leaf_pfn(&self, memory: &impl Memory, linear: &LinearMap, index: u64) -> Result<Pfn, P2mError> {
        page_pfn(linear, self.leaf_or_missing(memory, index))
    }

    /// Returns the machine frame of leaf `index`, and the first leaf after it that is another page.
    ///
    /// # Errors
    /// [`P2mError::StrayLeaf`] for a leaf outside `linear`, [`P2mError::NoMachineFrame`] for a page that is not RAM.
    #[inline(always)]
    pub fn leaves_alike(
        &self,
        memory: &impl Memory,
        linear: &LinearMap,
        index: u64,
    ) -> Result<(Mfn, u64), P2mError> {
        let (leaf, end) = self.run_of_leaf(memory, index);
        let pfn = page_pfn(linear, leaf)?;
        let mfn = self.entry(memory, pfn).ram().ok_or(P2mError::NoMachineFrame { pfn })?;
        Ok((mfn, end))
    }

    /// Returns leaf `index`, and the first leaf after it that is another page: a shared leaf repeats many times in a
    /// row.
    #[inline(always)]
    pub(crate) fn run_of_leaf(&self, memory: &impl Memory, index: u64) -> (Page, u64) {
        let leaf = self.leaf_or_missing(memory, index);
        if !self.is_shared(leaf) {
            return (leaf, index + 1);
        }
        (leaf, self.end_of_shared(memory, index, leaf))
    }

    /// Returns the first leaf after `index` that is not `leaf`. Not inlined: most leaves are not shared.
    #[inline(never)]
    fn end_of_shared(&self, memory: &impl Memory, index: u64, leaf: Page) -> u64 {
        let mut lowest = self.lowest(memory, index);
        let mut end = index + 1;
        while end < self.leaves() {
            if inner_index(end, 0) == 0 {
                lowest = self.lowest(memory, end);
            }
            let next = lowest.and_then(|page| page.child(memory, inner_index(end, 0)));
            if next.map_or(leaf != self.missing, |next| next != leaf) {
                break;
            }
            end += 1;
        }
        end
    }

    /// Returns leaf `index`, or the shared missing leaf where the tree has none.
    #[inline(always)]
    pub(crate) fn leaf_or_missing(&self, memory: &impl Memory, index: u64) -> Page {
        self.leaf(memory, index).unwrap_or(self.missing)
    }

    /// Tells whether a leaf is one of the two shared ones, which are never written.
    #[inline(always)]
    fn is_shared(&self, leaf: Page) -> bool {
        leaf == self.missing || leaf == self.identity
    }

    pub(crate) fn leaf(&self, memory: &impl Memory, index: u64) -> Option<Page> {
        if index >= self.leaves() {
            return None;
        }
        self.lowest(memory, index)?.child(memory, inner_index(index, 0))
    }

    /// Returns the inner page that leads to leaf `index`.
    fn lowest(&self, memory: &impl Memory, index: u64) -> Option<Page> {
        let mut page = self.root;
        for level in (1..self.inner).rev() {
            page = page.child(memory, inner_index(index, level))?;
        }
        Some(page)
    }

    pub(crate) fn put_leaf<M: Memory, S: FrameSource<M>>(
        &self,
        memory: &mut M,
        source: &mut S,
        index: u64,
        leaf: Page,
    ) -> Result<(), S::Error> {
        self.put(memory, source, 0, index, leaf)
    }

    /// Puts the same leaf in many places; an inner page that leads only to this leaf is filled as a whole.
    #[inline(never)]
    fn put_leaves<M: Memory, S: FrameSource<M>>(
        &self,
        memory: &mut M,
        source: &mut S,
        indices: Range<u64>,
        leaf: Page,
    ) -> Result<(), S::Error> {
        let Range { start: mut index, end } = indices;
        while index < end {
            if index.is_multiple_of(ENTRIES) && end - index >= ENTRIES && self.lowest(memory, index).is_none()
            {
                let lowest = new_page(memory, source, leaf.address().as_u64())?;
                self.put(memory, source, 1, index, lowest)?;
                index += ENTRIES;
            } else {
                self.put_leaf(memory, source, index, leaf)?;
                index += 1;
            }
        }
        Ok(())
    }

    /// Writes the entry that leads to a page on the way to leaf `index`, in an inner page `level` levels above the
    /// lowest inner page.
    #[inline(always)]
    fn put<M: Memory, S: FrameSource<M>>(
        &self,
        memory: &mut M,
        source: &mut S,
        level: u32,
        index: u64,
        leaf: Page,
    ) -> Result<(), S::Error> {
        let mut page = self.root;
        for level in (level + 1..self.inner).rev() {
            let slot = inner_index(index, level);
            page = match page.child(memory, slot) {
                Some(child) => child,
                None => {
                    let child = new_page(memory, source, 0)?;
                    page.store(memory, slot, child.address().as_u64());
                    child
                }
            };
        }
        page.store(memory, inner_index(index, level), leaf.address().as_u64());
        Ok(())
    }

    pub(crate) const fn list(&self) -> &List {
        &self.list
    }

    pub(crate) const fn missing_leaf(&self) -> Page {
        self.missing
    }
}

impl Translate for Tree {
    fn without_memory(&self, memory: &impl Memory, pfn: Pfn) -> PfnRange {
        if pfn.get() >= self.pages.get() {
            return PfnRange::EMPTY;
        }
        let (leaf, end) = self.run_of_leaf(memory, pfn.get() / ENTRIES);
        if !self.is_shared(leaf) {
            return PfnRange::EMPTY;
        }
        PfnRange::first(self.pages).from(pfn).below(Pfn::clamped(end * ENTRIES))
    }

    fn leaf_words(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        words.fill(P2mEntry::MISSING);
        let used = self.pages.get().saturating_sub(first.get()).min(words.len() as u64);
        if let (Some(leaf), Some(words)) =
            (self.leaf(memory, first.get() / ENTRIES), words.get_mut(..used as usize))
        {
            memory.load_words(leaf.word(first.get() % ENTRIES), words);
        }
    }

    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        if pfn.get() >= self.pages.get() {
            return P2mEntry::Missing;
        }
        match self.leaf(memory, pfn.get() / ENTRIES) {
            Some(leaf) => P2mEntry::decode(leaf.load(memory, pfn.get() % ENTRIES)),
            None => P2mEntry::Missing,
        }
    }
}

/// Returns how many inner levels are needed for `pages` pages.
const fn inner_levels(pages: PageCount) -> u32 {
    let mut levels = 2;
    let mut reach = ENTRIES * ENTRIES * ENTRIES;
    while reach < pages.get() {
        reach *= ENTRIES;
        levels += 1;
    }
    levels
}

/// Returns the word that leads to leaf `index` in an inner page `level` levels above the lowest inner page.
const fn inner_index(index: u64, level: u32) -> u64 {
    (index >> (9 * level)) % ENTRIES
}
