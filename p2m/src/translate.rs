//! From a page's number to what it is.
//!
//! *What this is*: the lookup that the builder's list, the [`crate::Renumbering`] and the tree all provide, each during
//! its part of the boot.

use start_info::{ENTRIES, Pfn, PfnRange};

use crate::{entry::P2mEntry, memory::Memory};

/// Something that knows the entry of every page.
pub trait Translate {
    /// Returns the entry of `pfn`; `Missing` for a page beyond the last one.
    fn entry(&self, memory: &impl Memory, pfn: Pfn) -> P2mEntry;

    /// Returns the words ([`P2mEntry::encode`]) of as many pages as `words` has room for, from `first` on; words beyond
    /// the leaf of `first` are meaningless.
    fn leaf_words(&self, memory: &impl Memory, first: Pfn, words: &mut [u64]) {
        words_by_entry(self, memory, first, words);
    }

    /// Calls `visit` with each of these pages and its entry. The entries are read a leaf at a time.
    ///
    /// # Errors
    /// The first error of `visit`.
    fn each_entry<M: Memory, E>(
        &self,
        memory: &mut M,
        pages: PfnRange,
        mut visit: impl FnMut(&mut M, Pfn, P2mEntry) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut words = [P2mEntry::MISSING; ENTRIES as usize];
        for part in pages.pieces(ENTRIES) {
            // A piece has a word for each of its pages, 512 at most.
            let Some(words) = words.get_mut(..part.len().get() as usize) else { continue };
            self.leaf_words(memory, part.start(), words);
            for (pfn, &word) in part.iter().zip(&*words) {
                visit(memory, pfn, P2mEntry::decode(word))?;
            }
        }
        Ok(())
    }

    /// Returns the pages from `pfn` on that have the same kind of entry as `pfn` and no memory, as far as that is known
    /// without reading each entry; an empty range if `pfn` may have memory. So a gap of many TiB is one step.
    fn without_memory(&self, _memory: &impl Memory, _pfn: Pfn) -> PfnRange {
        PfnRange::EMPTY
    }

    /// Returns the first of these pages that has memory.
    fn first_memory(&self, memory: &impl Memory, pages: PfnRange) -> Option<Pfn> {
        let mut rest = pages;
        while let Some(pfn) = rest.iter().next() {
            let gap = self.without_memory(memory, pfn);
            if gap.is_empty() && self.entry(memory, pfn).ram().is_some() {
                return Some(pfn);
            }
            rest = rest.from(gap.end().max(pfn.plus(1)));
        }
        None
    }
}

/// Looks up each entry by itself, for a leaf whose entries have several sources.
pub(crate) fn words_by_entry<T: Translate + ?Sized>(
    p2m: &T,
    memory: &impl Memory,
    first: Pfn,
    words: &mut [u64],
) {
    for (word, number) in words.iter_mut().zip(first.get()..) {
        *word = Pfn::try_new(number).map_or(P2mEntry::MISSING, |pfn| p2m.entry(memory, pfn).encode());
    }
}
