//! How the direct map grows, a chunk at a time.
//!
//! *What this is*: the steps around a [`ChunkMapper`]: undo what was refused before, take a page for the note, map the
//! chunk, and give its free pages to the allocator.
//!
//! *What must hold*: nothing of the chunk is handed out before Xen accepted all of it.

use p2m::{FrameAllocator, Mapped, Memory, Span, Translate, Unmapped};
use start_info::{Pfn, PfnRange};

use crate::{
    direct_map::{
        DirectMap,
        chunk::L2_PAGES,
        chunk_mapper::{ChunkMapper, Coverage, MappedFrames, behind_gap},
        chunk_undo::ChunkUndo,
    },
    error::{MmuError, Operation},
    hv::Machine,
    space::table_note::TableNote,
};

impl DirectMap {
    /// Maps the next chunk; `false` when all memory is mapped.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when the mapped memory has no room for the tables, [`MmuError::Refused`] when Xen
    /// refuses. Then all is as before; if Xen refuses to undo it too, the next call begins with that.
    pub fn grow<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<bool, MmuError> {
        self.undo_pending(machine)?;
        let rest = self.extent.rest();
        if rest.is_empty() {
            return Ok(false);
        }
        let chunk = rest.below(rest.start().next_multiple(L2_PAGES));
        let behind = behind_gap(machine, p2m, rest, L2_PAGES);
        if behind >= chunk.end() {
            // A gap of many GiB is skipped in one step, not chunk by chunk.
            let gap = self.extent.take_until(behind);
            self.extend(gap)?;
            return Ok(true);
        }
        let page = self.take_mapped(machine, p2m)?;
        self.undo = Some(ChunkUndo::new(chunk, page));
        if let Err(error) = self.map_chunk(machine, p2m, chunk) {
            // The caller gets the reason why the chunk cannot be mapped. What cannot be undone now stays noted.
            let _later = self.undo_pending(machine);
            return Err(error);
        }
        Ok(true)
    }

    /// Maps chunks until all existing pages below `end` are mapped.
    ///
    /// # Errors
    /// As [`DirectMap::grow`].
    pub fn grow_to<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        end: Pfn,
    ) -> Result<(), MmuError> {
        while self.view.direct().frames().end() < end && self.grow(machine, p2m)? {}
        Ok(())
    }

    /// Undoes a chunk that could not be mapped, if one is left.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses; the rest stays noted, and can be undone later.
    pub fn undo_pending<M: Machine>(&mut self, machine: &mut M) -> Result<(), MmuError> {
        let Self { view, frames, undo, .. } = self;
        if let Some(undo) = undo {
            undo.unmap(machine, view)?;
            undo.reclaim(machine, view, |machine, frame| frames.give_frame(machine, frame))?;
        }
        // When the last table is given back, the note is no longer needed.
        if let Some(undo) = undo.take() {
            frames.give_frame(machine, undo.into_page());
        }
        Ok(())
    }

    /// Returns the pages held by a chunk whose mapping was refused and could not be undone yet: its tables, and the
    /// page of the note.
    pub fn pending_pages(&self, memory: &impl Memory) -> impl Iterator<Item = Pfn> {
        self.undo.iter().flat_map(|undo| undo.waiting(memory))
    }

    /// Maps a chunk and hands out what is free in it.
    pub(super) fn map_chunk<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        chunk: PfnRange,
    ) -> Result<(), MmuError> {
        let mut mapper = self.mapper(p2m, Operation::DirectMap);
        mapper.map(machine, chunk)?;
        let done = mapper.finish(machine)?;
        self.extent.add_mapped(done.memory);
        if let Some(undo) = self.undo.take() {
            self.give(machine, undo.into_page());
        }
        let chunk = self.extent.take_until(chunk.end());
        self.hand_out(machine, p2m, chunk, done)
    }

    /// Begins to map pages, with tables from what is already mapped.
    pub(super) const fn mapper<'m, T: Translate>(
        &'m mut self,
        p2m: &'m T,
        doing: Operation,
    ) -> ChunkMapper<'m, T> {
        let Self { view, extent, frames, boot_pages, undo, .. } = self;
        ChunkMapper::new(MappedFrames { view, frames, extent, p2m }, undo.as_mut(), boot_pages, doing)
    }

    /// Records pages that are mapped now, as far as they have memory.
    fn extend(&mut self, pages: Span<Unmapped>) -> Result<Span<Mapped>, MmuError> {
        let start = pages.range().start();
        let mapped = self.view.extend(pages).map_err(|_| MmuError::NoMemory { pfn: start })?;
        self.frames.move_to(*self.view.direct());
        Ok(mapped)
    }

    fn hand_out<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        chunk: Span<Unmapped>,
        done: Coverage,
    ) -> Result<(), MmuError> {
        let mapped = self.extend(chunk)?;
        let frames = &mut self.frames;
        mapped.without(self.boot_pages.reserved(), |free| {
            if done.has_holes {
                give_runs(machine, frames, p2m, free);
            } else {
                frames.give(machine, free);
            }
        });
        Ok(())
    }
}

/// Gives back the parts of a span that have memory.
fn give_runs<M: Machine>(
    machine: &mut M,
    frames: &mut FrameAllocator,
    p2m: &impl Translate,
    mut span: Span<Mapped>,
) {
    while let Some(first) = p2m.first_memory(machine, span.range()) {
        let _hole = span.take_until(first);
        let hole = span.range().iter().find(|&pfn| p2m.entry(machine, pfn).ram().is_none());
        let Some(end) = hole else { return frames.give(machine, span) };
        frames.give(machine, span.take_until(end));
    }
}
