//! A chunk that is being mapped, and how to undo it.
//!
//! *What this is*: the numbers of the frames that become a chunk's tables, kept while it is being mapped, in a page
//! that is taken first. If Xen refuses, or the frames run out, `DirectMap::undo_pending` undoes the tables as [`TableNote`]
//! says; every `DirectMap::grow` begins with it.
//!
//! *What must hold*: nothing of a chunk is handed out or read before all of it is mapped; the direct map does not grow
//! until an unfinished chunk is undone.
//!
//! *What is not prevented*: a refusal of the first chunk, which is mapped without a note of its tables. The boot ends
//! then.

use arrayvec::ArrayVec;
use p2m::{Frame, Memory};
use start_info::{ENTRIES, Index, Pfn, PfnRange};

use crate::{
    direct_map::chunk::L1_PAGES,
    error::{MmuError, Operation},
    hv::Machine,
    space::{live_tables::LiveTables, table_note::TableNote, table_source::Note},
};

/// The tables above the L1 tables of a chunk that can be new: its L2 and its L3.
const MAX_UPPER: usize = 2;

/// A chunk that is being mapped, or whose mapping must be undone.
#[derive(Debug)]
pub(super) struct ChunkUndo {
    chunk: PfnRange,
    /// Its words are the numbers of the first 512 frames taken for tables.
    page: Frame,
    in_page: u64,
    /// The frames after those.
    more: ArrayVec<Pfn, MAX_UPPER>,
}

impl ChunkUndo {
    pub(super) const fn new(chunk: PfnRange, page: Frame) -> Self {
        Self { chunk, page, in_page: 0, more: ArrayVec::new_const() }
    }

    /// Gives up the page when the chunk is mapped or undone.
    pub(super) fn into_page(self) -> Frame {
        self.page
    }

    /// Returns the frames that are held until the chunk is undone: those that were noted, and the page of the note.
    pub(super) fn waiting(&self, memory: &impl Memory) -> impl Iterator<Item = Pfn> {
        (0..self.len()).filter_map(|number| self.table(memory, number)).chain([self.page.pfn()])
    }

    /// Takes the chunk's tables out of the live ones and makes their pages writable. It can be called again.
    ///
    /// # Errors
    /// As [`TableNote::undo`].
    pub(super) fn unmap<M: Machine>(&self, machine: &mut M, view: &LiveTables) -> Result<(), MmuError> {
        let starts = self.chunk.pieces(L1_PAGES).map(PfnRange::start);
        self.undo(machine, view, Operation::DirectMap, starts.map(|pfn| view.direct_address(pfn)))
    }
}

impl Note for ChunkUndo {
    // There is room for every frame that a chunk can take.
    fn note(&mut self, memory: &mut impl Memory, pfn: Pfn) -> bool {
        if self.in_page < ENTRIES {
            self.page.set(memory, Index::containing(self.in_page), pfn.get());
            self.in_page += 1;
            return true;
        }
        self.more.try_push(pfn).is_ok()
    }
}

impl TableNote for ChunkUndo {
    fn len(&self) -> u64 {
        self.in_page + self.more.len() as u64
    }

    fn table(&self, memory: &impl Memory, number: u64) -> Option<Pfn> {
        if number < self.in_page {
            return Pfn::try_new(memory.load(self.page.word(Index::containing(number)))).ok();
        }
        self.more.get((number - self.in_page) as usize).copied()
    }

    fn forget_last(&mut self) {
        if self.more.pop().is_none() {
            self.in_page = self.in_page.saturating_sub(1);
        }
    }
}
