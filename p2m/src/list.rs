//! The flat PFN to MFN list that the domain builder left.
//!
//! *What this is*: `start_info.mfn_list`, one word a page, read in place.
//!
//! *What must hold*: the list is mapped for its whole length, which the start_info parser checked, until the tree has
//! been revectored. Words after that of the last page are undefined (dom0's builder leaves what the page held) and
//! never read.

use start_info::{BootFacts, PAGE_SIZE, PageCount, Pfn};
use x86_64::VirtAddr;

use crate::{
    entry::P2mEntry,
    memory::{Memory, Word},
    translate::Translate,
};

/// The domain builder's list, where the builder put it.
#[derive(Clone, Copy, Debug)]
pub struct List {
    address: VirtAddr,
    pages: PageCount,
}

impl List {
    /// Returns the list that the checked start_info names.
    #[must_use]
    pub fn from_facts(facts: &BootFacts) -> Self {
        Self { address: facts.p2m_list().at, pages: facts.nr_pages() }
    }

    /// Returns where page `index` of the list is mapped.
    pub(crate) fn page(&self, index: u64) -> VirtAddr {
        self.address + index * PAGE_SIZE
    }

    /// Tells whether the list is mapped at `address`.
    pub(crate) fn holds(&self, address: VirtAddr) -> bool {
        address >= self.address && address.as_u64() - self.address.as_u64() < self.pages.get() * 8
    }

    /// Tells whether the toolstack reads all of the list if its address is published, and each of its L1 tables has a frame of
    /// its own.
    ///
    /// The toolstack's walk cuts off equal L1 tables at the end, and takes the last for one of those unless its number among the
    /// tables of the list is also its place in the L2 table (`xg_core_x86.c`, `xc_core_arch_map_p2m_list_rw`;
    /// `xg_sr_save_x86_pv.c`, `map_p2m_list`).
    #[must_use]
    pub fn is_read_by_toolstack(&self) -> bool {
        let start = self.address.as_u64();
        let in_window = start % (1 << 30);
        let tables_before_last = (in_window % (1 << 21) + self.pages.of_words().get() * PAGE_SIZE)
            .div_ceil(1 << 21)
            .saturating_sub(1);
        let is_cut = in_window >= 1 << 21;
        start.is_multiple_of(PAGE_SIZE) && (!is_cut || tables_before_last << 18 >= self.pages.get())
    }

    /// Returns how many pages of memory the list describes.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        self.pages
    }
}

impl Translate for List {
    fn leaf_words(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        words.fill(P2mEntry::MISSING);
        let used = self.pages.get().saturating_sub(first.get()).min(words.len() as u64);
        if let Some(words) = words.get_mut(..used as usize) {
            memory.load_words(Word::at(self.address + first.get() * 8), words);
        }
    }

    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        if pfn.get() >= self.pages.get() {
            return P2mEntry::Missing;
        }
        P2mEntry::decode(memory.load(Word::at(self.address + pfn.get() * 8)))
    }
}
