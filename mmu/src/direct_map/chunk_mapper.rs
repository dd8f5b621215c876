//! Maps pages at `__va`, chunk by chunk.
//!
//! *What this is*: turns P2M entries into the tables that map their pages, and counts how much memory that was. It
//! borrows what it needs from the direct map: the live tables, the free frames, and the note of the frames it takes.
//!
//! *What must hold*: the frame of a table is noted before the table is made. What was mapped counts, and is handed out,
//! only after [`ChunkMapper::finish`]: if a mapper is dropped half-way, only the noted tables have to be undone.

use p2m::{Frame, FrameAllocator, P2mEntry, Translate};
use start_info::{PageCount, Pfn, PfnRange};

use crate::{
    direct_map::{boot_pages::BootPages, chunk::L1_PAGES, chunk_undo::ChunkUndo, extent::Extent},
    error::{MmuError, Operation},
    hv::Machine,
    paging::{
        batch::Batch,
        entry::{Access, Entry},
    },
    space::{
        address_space_builder::AddressSpaceBuilder,
        live_tables::LiveTables,
        rung::LiveTop,
        table_source::{Noted, TableSource},
    },
};

/// What was mapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coverage {
    /// How many pages of memory.
    pub(super) memory: PageCount,
    /// Whether some of the numbers had no memory.
    pub(super) has_holes: bool,
}

/// The frames of the part that is already mapped.
#[derive(Debug)]
pub(super) struct MappedFrames<'m, T> {
    pub(super) view: &'m LiveTables,
    pub(super) frames: &'m mut FrameAllocator,
    pub(super) extent: &'m Extent,
    pub(super) p2m: &'m T,
}

impl<M: Machine, T: Translate> TableSource<M> for MappedFrames<'_, T> {
    fn take_table(&mut self, machine: &mut M) -> Result<Frame, MmuError> {
        self.frames.take(machine, self.p2m).ok_or_else(|| self.extent.no_frames())
    }

    fn give_table(&mut self, machine: &mut M, frame: Frame) {
        self.frames.give_frame(machine, frame);
    }

    fn view(&self) -> &LiveTables {
        self.view
    }
}

/// Maps pages, lowest first.
#[derive(Debug)]
pub(super) struct ChunkMapper<'m, T> {
    /// `None` where nothing is undone: for the first chunk, and for the builder's list.
    frames: Noted<MappedFrames<'m, T>, Option<&'m mut ChunkUndo>>,
    boot_pages: &'m BootPages,
    space_builder: AddressSpaceBuilder<LiveTop>,
    done: Coverage,
}

impl<'m, T: Translate> ChunkMapper<'m, T> {
    /// Starts with nothing mapped.
    pub(super) const fn new(
        source: MappedFrames<'m, T>,
        undo: Option<&'m mut ChunkUndo>,
        boot_pages: &'m BootPages,
        doing: Operation,
    ) -> Self {
        let frames = Noted { source, note: undo, doing };
        let space_builder = AddressSpaceBuilder::live(Batch::new(doing));
        Self {
            frames,
            boot_pages,
            space_builder,
            done: Coverage { memory: PageCount::ZERO, has_holes: false },
        }
    }

    /// Returns the live address space.
    pub(super) const fn view(&self) -> &LiveTables {
        self.frames.source.view
    }

    /// Maps pages that have no L1 tables yet.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses.
    pub(super) fn map<M: Machine>(&mut self, machine: &mut M, pages: PfnRange) -> Result<(), MmuError> {
        let mut rest = pages;
        while !rest.is_empty() {
            let behind = behind_gap(machine, self.frames.source.p2m, rest, L1_PAGES);
            self.done.has_holes |= behind > rest.start();
            rest = rest.from(behind);
            let part = rest.below(rest.start().next_multiple(L1_PAGES));
            rest = rest.from(part.end());
            self.map_in_l1(machine, part)?;
        }
        Ok(())
    }

    /// Makes the one table that maps these pages; none if no page has memory.
    fn map_in_l1<M: Machine>(&mut self, machine: &mut M, pages: PfnRange) -> Result<(), MmuError> {
        if self.boot_pages.are_deferred(pages) {
            return Ok(());
        }
        let mut words = [P2mEntry::MISSING; L1_PAGES as usize];
        let Some(words) = words.get_mut(..pages.len().get() as usize) else {
            return Err(MmuError::OutOfOrder { address: self.view().direct_address(pages.end()).as_u64() });
        };
        self.frames.source.p2m.leaf_words(machine, pages.start(), words);
        let memory = words.iter().filter(|&&word| P2mEntry::decode(word).ram().is_some()).count();
        self.done.has_holes |= memory < words.len();
        if memory == 0 {
            return Ok(());
        }
        self.done.memory = self.done.memory.and(PageCount::clamped(memory as u64));
        let (boot_pages, mixed) = (self.boot_pages, self.boot_pages.has_read_only(pages));
        let access = |pfn| if mixed { boot_pages.access(pfn) } else { Access::ReadWrite };
        let entries = pages.iter().zip(words).map(|(pfn, word)| match P2mEntry::decode(*word).ram() {
            Some(mfn) => Entry::leaf(mfn, access(pfn)),
            None => Entry::EMPTY,
        });
        let address = self.view().direct_address(pages.start());
        self.space_builder.fill(machine, &mut self.frames, address, entries)
    }

    /// Sends what is left to Xen; then the pages are mapped.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    pub(super) fn finish<M: Machine>(self, machine: &mut M) -> Result<Coverage, MmuError> {
        self.space_builder
            .finish(machine, self.frames.source.view)?
            .waive("hooks fill empty entries, and a frozen table is not written again");
        Ok(self.done)
    }
}

/// Returns where to go on in `pages`: at their start, or, if they start with a gap, at the last multiple of `step`
/// pages in it.
pub(super) fn behind_gap<M: Machine>(machine: &M, p2m: &impl Translate, pages: PfnRange, step: u64) -> Pfn {
    let gap = p2m.without_memory(machine, pages.start()).end();
    if gap >= pages.end() { pages.end() } else { pages.start().max(gap.align_down(step)) }
}
