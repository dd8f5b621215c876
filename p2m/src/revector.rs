//! Copies the builder's list into pages of our own and points the tree at them.
//!
//! *What this is*: the step of Linux's commit 357a3cfb. The list lies after the kernel, where the modules belong; once
//! no leaf leads there, the range can be unmapped and its frames given back.
//!
//! *What must hold*: the new leaves are reached through the direct map, which stays. The words after that of the last
//! page, which the builder leaves undefined, become `Missing`, because the toolstack reads whole pages.

use start_info::ENTRIES;

use crate::{
    FrameSource, LinearMap, Memory, P2mEntry, P2mError, Tree,
    page::{Page, blank_from, copy_of, page_pfn},
};

/// What revectoring did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revectored {
    /// Leaves copied into a page of their own.
    pub copied: u64,
    /// Leaves without any page of memory, which now share one leaf.
    pub missing: u64,
}

impl Tree {
    /// Copies every leaf that is a page of the builder's list to a new page and repoints the tree. Other leaves are
    /// already our own.
    ///
    /// # Errors
    /// The source's error when no frame is free for a leaf; the leaves copied so far stay in use, the others stay where
    /// they were, and every lookup still works.
    pub fn revector<M: Memory, S: FrameSource<M>>(
        &mut self,
        memory: &mut M,
        source: &mut S,
    ) -> Result<Revectored, S::Error> {
        let mut done = Revectored::default();
        // Leaf `n` is page `n` of the builder's list; after the list there is none.
        for index in 0..self.leaves().min(self.list().pages().of_words().get()) {
            let old = self.leaf_or_missing(memory, index);
            if !self.list().holds(old.address()) {
                continue;
            }
            let used = (self.pages().get() - index * ENTRIES).min(ENTRIES);
            let new = if is_missing(memory, old, used) {
                done.missing += 1;
                self.missing_leaf()
            } else {
                let new = copy_of(memory, source, old)?;
                blank_from(memory, new, used);
                done.copied += 1;
                new
            };
            self.put_leaf(memory, source, index, new)?;
        }
        Ok(done)
    }

    /// Confirms that every leaf is reached through `linear`.
    ///
    /// # Errors
    /// [`P2mError::StrayLeaf`] for the first that is not.
    pub fn confirm_leaves(&self, memory: &impl Memory, linear: &LinearMap) -> Result<(), P2mError> {
        let mut index = 0;
        while index < self.leaves() {
            let (leaf, end) = self.run_of_leaf(memory, index);
            page_pfn(linear, leaf)?;
            index = end;
        }
        Ok(())
    }
}

fn is_missing(memory: &impl Memory, leaf: Page, used: u64) -> bool {
    memory.is_filled(leaf.word(0), used, P2mEntry::MISSING)
}
