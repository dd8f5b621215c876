//! Remembered translations, for speed.
//!
//! *What this is*: a direct-mapped cache of the leaves that loads and stores went through.
//!
//! *What must hold*: it is emptied whenever a mapping changes, so it never affects a result. What a real processor
//! would remember is in [`crate::stale`].

use std::cell::Cell;

use crate::frames::FrameIndex;
use crate::pte::Pte;

const ENTRIES: usize = 1024;

/// A remembered translation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Translation {
    pub(crate) frame: FrameIndex,
    pub(crate) writable: bool,
    /// What a processor may still use instead.
    pub(crate) old: Option<Pte>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    page: u64,
    generation: u64,
    translation: Translation,
}

/// The processor's remembered translations.
#[derive(Clone, Debug)]
pub(crate) struct Tlb {
    entries: Box<[Cell<Entry>]>,
    generation: u64,
}

impl Tlb {
    /// Makes a TLB that remembers nothing.
    pub(crate) fn new() -> Self {
        let translation = Translation { frame: FrameIndex::numbered(0), writable: false, old: None };
        let entry = Entry { page: 0, generation: 0, translation };
        Self { entries: (0..ENTRIES).map(|_| Cell::new(entry)).collect(), generation: 1 }
    }

    /// Returns what is remembered of a page, by the number of its address.
    pub(crate) fn find(&self, page: u64) -> Option<Translation> {
        let entry = self.entries[place(page)].get();
        (entry.page == page && entry.generation == self.generation).then_some(entry.translation)
    }

    /// Remembers a translation.
    pub(crate) fn remember(&self, page: u64, translation: Translation) {
        self.entries[place(page)].set(Entry { page, generation: self.generation, translation });
    }

    /// Forgets everything.
    pub(crate) const fn flush(&mut self) {
        self.generation += 1;
    }
}

const fn place(page: u64) -> usize {
    (page ^ page >> 27) as usize % ENTRIES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_is_forgotten() {
        let mut tlb = Tlb::new();
        assert!(tlb.find(0).is_none());
        tlb.remember(5, Translation { frame: FrameIndex::numbered(9), writable: true, old: None });
        assert_eq!(tlb.find(5).map(|found| found.frame), Some(FrameIndex::numbered(9)));
        assert!(tlb.find(5 + ENTRIES as u64).is_none());
        tlb.flush();
        assert!(tlb.find(5).is_none());
    }
}
