//! A page of the tree: one that leads to others, or a leaf.

use start_info::{ENTRIES, Pfn};
use x86_64::VirtAddr;

use crate::{
    entry::P2mEntry,
    error::P2mError,
    frame::Frame,
    frame_source::FrameSource,
    linear_map::LinearMap,
    memory::{Memory, Word, WordMut, entry_address},
    renumbering::Renumbering,
    translate::Translate,
};

/// A page of the tree, at the address where it can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page(VirtAddr);

impl Page {
    /// Gives the frame to the tree for good.
    pub(crate) fn of(frame: Frame) -> Self {
        Self(frame.address())
    }

    /// Takes a page of the builder's list as a leaf.
    pub(crate) const fn of_list(address: VirtAddr) -> Self {
        Self(address)
    }

    pub(crate) const fn address(self) -> VirtAddr {
        self.0
    }

    pub(crate) fn word(self, index: u64) -> Word {
        Word::at(entry_address(self.0, index))
    }

    pub(crate) fn load(self, memory: &impl Memory, index: u64) -> u64 {
        memory.load(self.word(index))
    }

    pub(crate) fn store(self, memory: &mut impl Memory, index: u64, value: u64) {
        memory.store(WordMut::at(entry_address(self.0, index)), value);
    }

    pub(crate) fn child(self, memory: &impl Memory, index: u64) -> Option<Self> {
        match self.load(memory, index) {
            0 => None,
            address => Some(Self(VirtAddr::new_truncate(address))),
        }
    }
}

/// Returns the page of a leaf, as the direct map knows it.
pub(crate) fn page_pfn(linear: &LinearMap, leaf: Page) -> Result<Pfn, P2mError> {
    linear.pfn(leaf.address()).ok_or(P2mError::StrayLeaf { address: leaf.address().as_u64() })
}

/// Makes leaf `index` of a [`Renumbering`] where it is not a page of the list.
pub(crate) fn mixed_leaf<M: Memory, S: FrameSource<M>>(
    renumbering: &Renumbering,
    memory: &mut M,
    source: &mut S,
    index: u64,
) -> Result<Page, S::Error> {
    let mut frame = source.take(memory)?;
    let mut words = [P2mEntry::MISSING; ENTRIES as usize];
    if let Ok(first) = Pfn::try_new(index * ENTRIES) {
        renumbering.leaf_words(memory, first, &mut words);
    }
    memory.store_words(&mut frame, &words);
    Ok(Page::of(frame))
}

pub(crate) fn new_page<M: Memory, S: FrameSource<M>>(
    memory: &mut M,
    source: &mut S,
    value: u64,
) -> Result<Page, S::Error> {
    let mut frame = source.take(memory)?;
    memory.fill(&mut frame, value);
    Ok(Page::of(frame))
}

pub(crate) fn copy_of<M: Memory, S: FrameSource<M>>(
    memory: &mut M,
    source: &mut S,
    page: Page,
) -> Result<Page, S::Error> {
    let mut frame = source.take(memory)?;
    memory.copy_page(page.word(0), &mut frame);
    Ok(Page::of(frame))
}

pub(crate) fn blank_from(memory: &mut impl Memory, page: Page, first: u64) {
    for index in first..ENTRIES {
        page.store(memory, index, P2mEntry::MISSING);
    }
}
