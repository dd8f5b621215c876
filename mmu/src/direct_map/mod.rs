//! All memory at `__va`, mapped chunk by chunk with tables from memory already mapped.
//!
//! *What this is*: the scheme of the 2012 thread. A chunk is what one L2 table covers, 1 GiB. Its tables are taken from the
//! end of the chunk before, where they can be filled through their own mapping; then that mapping becomes read-only and
//! one update hooks them. The first chunk takes its tables from the pages below the kernel, which the builder mapped.
//!
//! *What must hold*: a frame is handed out only after Xen accepted the tables that map it; pages that are live tables
//! of the builder, or that the builder may have made tables, are mapped read-only until they are released; the kernel's
//! text and constants are not writable here either.
//!
//! *What is not prevented*: Xen refusing half-way. The error says so, nothing of the chunk is handed out, and what was begun
//! is undone (see `growth.rs`); it can be tried again.

pub(crate) mod chunk;
mod deferred;
mod growth;
mod holes;
mod mapper;
mod needed;
pub(crate) mod pool;
pub(crate) mod ramdisk;

use arrayvec::ArrayVec;
use p2m::{
    Arrangement, Frame, FrameAllocator, MOST_OCCUPANTS, Mapped, Memory, Occupied, SharedPage, Span,
    Translate, Unmapped,
};
use start_info::{BootFacts, P2mPlace, PageCount, Pfn, PfnRange};

use crate::{
    direct_map::{
        chunk::L2_PAGES,
        growth::Growth,
        mapper::behind_gap,
        needed::{Needed, own_tables},
        ramdisk::RamdiskPages,
    },
    error::{Doing, Error, RunOf},
    hv::Machine,
    paging::freeze::thawed,
    space::{builder_tables::BuilderTables, old_list::OldList, view::View},
};

/// What is in use at entry, page 0, and our own first tables.
const MOST_RANGES: usize = MOST_OCCUPANTS + 2;

/// The direct map, and the free frames in it.
#[derive(Debug)]
pub struct DirectMap {
    view: View,
    rest: Span<Unmapped>,
    total: PageCount,
    frames: FrameAllocator,
    /// Pages that hold something and are handed out to nobody.
    reserved: ArrayVec<PfnRange, MOST_RANGES>,
    /// Pages mapped for reading only.
    read_only: ArrayVec<PfnRange, MOST_RANGES>,
    ramdisk: Option<RamdiskPages>,
    /// Pages that are not mapped before they are let go (see `deferred.rs`).
    deferred: PfnRange,
    /// How many pages of memory there are, and how many of them are mapped. Numbers without memory are none.
    memory: u64,
    memory_mapped: u64,
    /// The chunk being mapped has pages without memory.
    holes_seen: bool,
    /// The chunk being mapped, or still to be undone.
    growth: Option<Growth>,
}

impl DirectMap {
    /// Maps what the builder mapped once more at `__va`, with tables from the pages below the kernel.
    ///
    /// `constant` are the pages of the image that are not to be written. A list of the builder's that will be copied is left
    /// out if it is not in the builder's mapping.
    ///
    /// # Errors
    /// [`Error::NoRun`] when there is no room below the kernel, [`Error::Refused`] when Xen refuses.
    pub fn bootstrap<M: Machine>(
        machine: &mut M,
        pages: &Arrangement,
        occupied: &Occupied,
        facts: &BootFacts,
        tables: BuilderTables,
        constant: PfnRange,
        old_list: OldList,
    ) -> Result<Self, Error> {
        let total = pages.pages();
        let builder = *tables.window();
        let view = tables.into_view();
        let rest = Span::<Unmapped>::all_memory(view.authority(), total);
        let first = builder.frames().intersection(rest.range());
        let own = own_tables(machine, pages, facts, Needed::exactly(machine, pages, first))?;

        let mut reserved: ArrayVec<PfnRange, MOST_RANGES> = occupied.ranges().collect();
        // Page 0 stays unused: a pseudo-physical address of 0 is never right.
        reserved.push(PfnRange::first(PageCount::new(1)));
        reserved.push(own);
        let mut read_only = ArrayVec::new();
        read_only.push(own);
        read_only.push(constant);
        read_only.push(facts.page_tables().pfns);
        let mut deferred = PfnRange::default();
        if let P2mPlace::Own(frames) = facts.p2m_list().place {
            read_only.push(frames);
            if old_list == OldList::Unused {
                deferred = frames;
            }
        }

        let mut stock = FrameAllocator::new(builder);
        stock.give(machine, builder.free_span(view.authority(), own));
        let ramdisk = RamdiskPages::of(view.authority(), facts);
        let (holes_seen, growth) = (false, None);
        let mut map = Self {
            view,
            rest,
            total,
            frames: stock,
            reserved,
            read_only,
            ramdisk,
            deferred,
            memory: pages.memory().get(),
            memory_mapped: 0,
            holes_seen,
            growth,
        };
        map.map_chunk(machine, pages, first)?;
        Ok(map)
    }

    /// Maps the next chunk; `false` when all memory is mapped.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when the mapped memory has no room for the tables, [`Error::Refused`] when Xen refuses. Then all
    /// is as before, or, if Xen refuses that as well, will be when the next call begins.
    pub fn grow<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<bool, Error> {
        self.retry(machine)?;
        if self.rest.is_empty() {
            return Ok(false);
        }
        let rest = self.rest.range();
        let end = rest.end().min((rest.start() / L2_PAGES + 1) * L2_PAGES);
        let behind = behind_gap(machine, p2m, rest, L2_PAGES);
        if behind >= end {
            // Where the machine has nothing for many GiB there is nothing to do for each.
            let gap = self.rest.take_until(behind);
            self.extend(gap)?;
            return Ok(true);
        }
        let chunk = PfnRange::clamped(rest.start(), end);
        let memory = self.memory_mapped;
        let page = self.take_mapped(machine, p2m)?;
        self.growth = Some(Growth::new(chunk, page));
        if let Err(error) = self.map_chunk(machine, p2m, chunk) {
            self.holes_seen = false;
            self.memory_mapped = memory;
            // Why the chunk cannot be mapped is what the caller asked for. What cannot be undone now stays noted.
            let _later = self.retry(machine);
            return Err(error);
        }
        Ok(true)
    }

    /// Undoes what was begun of a chunk that could not be mapped, if anything still is to be undone.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses; the rest stays noted, and can be undone later.
    pub fn retry<M: Machine>(&mut self, machine: &mut M) -> Result<(), Error> {
        let Some(growth) = &self.growth else { return Ok(()) };
        growth.undo(machine, &self.view)?;
        let Some(growth) = self.growth.take() else { return Ok(()) };
        for number in (0..growth.len()).rev() {
            if let Some(pfn) = growth.table(machine, number) {
                let frame = thawed(machine, &self.view, pfn)?;
                self.give(machine, frame);
            }
        }
        self.give(machine, growth.into_page());
        Ok(())
    }

    /// Returns the pages of a chunk whose mapping was refused and could not be undone yet: of its tables, and of the note of them.
    pub fn waiting(&self, memory: &impl Memory) -> impl Iterator<Item = Pfn> {
        self.growth.iter().flat_map(|growth| growth.tables(memory).chain([growth.page()]))
    }

    /// Maps chunks until all pages below `end` are mapped, as far as there are any.
    ///
    /// # Errors
    /// As [`DirectMap::grow`].
    pub fn grow_to<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        end: u64,
    ) -> Result<(), Error> {
        while self.mapped().get() < end && self.grow(machine, p2m)? {}
        Ok(())
    }

    /// Takes a frame, mapping more memory if none is left.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when all memory is used, and as [`DirectMap::grow`].
    pub fn take<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<Frame, Error> {
        while self.frames.free() <= self.reserve() && self.grow(machine, p2m)? {}
        self.take_mapped(machine, p2m)
    }

    /// Takes a run of adjacent frames, mapping more memory if need be.
    ///
    /// # Errors
    /// [`Error::NoRun`] when no run is as long, and as [`DirectMap::grow`].
    pub fn take_span<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        len: PageCount,
    ) -> Result<Span<Mapped>, Error> {
        while self.frames.free() <= len.get() + self.reserve() && self.grow(machine, p2m)? {}
        loop {
            if let Some(span) = self.frames.take_span(machine, len) {
                return Ok(span);
            }
            if !self.grow(machine, p2m)? {
                return Err(self.no_run(machine, RunOf::Payload, len));
            }
        }
    }

    /// Says why there is no run as long. More memory may help only if less is free than is needed.
    fn no_run<M: Machine>(&self, machine: &M, object: RunOf, need: PageCount) -> Error {
        let longest = self.frames.longest(machine);
        if longest >= need {
            // The pages are there; they were denied.
            return self.no_frames();
        }
        let free = PageCount::try_new(self.free()).unwrap_or_default();
        Error::NoRun { object, need, longest, free }
    }

    /// Returns how many frames are kept for mapping more. A chunk's tables come from what is mapped, so mapping must go on
    /// before the last frame is gone; a chunk may yield none, if it holds the ramdisk or the builder's list.
    fn reserve(&self) -> u64 {
        let unmapped = self.rest.range();
        let barren = |range: &PfnRange| {
            let tables =
                if *range == self.deferred { 0 } else { Needed::tables(range.intersection(unmapped)) };
            tables + Needed::EDGES
        };
        Needed::MOST + self.reserved.iter().filter(|range| range.overlaps(unmapped)).map(barren).sum::<u64>()
    }

    /// Takes a frame back.
    pub fn give<M: Machine>(&mut self, machine: &mut M, frame: Frame) {
        self.frames.give_frame(machine, frame);
    }

    /// Takes a run of frames back.
    pub fn give_span<M: Machine>(&mut self, machine: &mut M, span: Span<Mapped>) {
        self.frames.give(machine, span);
    }

    /// Checks that so many frames could be had for tables, if all memory were mapped.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there are not as many.
    pub(crate) fn has_room_for(&self, tables: u64) -> Result<(), Error> {
        let most = self.frames.free() + self.rest.len().get();
        if tables <= most { Ok(()) } else { Err(self.no_frames()) }
    }

    /// Returns the live address space.
    #[must_use]
    pub const fn view(&self) -> &View {
        &self.view
    }

    pub(crate) const fn view_mut(&mut self) -> &mut View {
        &mut self.view
    }

    /// Names a page that is shared with another domain, where the direct map has it.
    #[must_use]
    pub fn shared_page(&self, pfn: Pfn) -> Option<SharedPage> {
        self.view.direct().shared_page(self.view.authority(), pfn)
    }

    /// Returns how many frames are free and mapped.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.frames.free()
    }

    /// Returns how many frames were taken so far.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.frames.taken()
    }

    /// Returns how many page numbers are mapped, counted from 0, as far as there is anything behind them.
    #[must_use]
    pub const fn mapped(&self) -> PageCount {
        self.view.direct().frames().len()
    }

    /// Returns how many page numbers the guest has, those without memory included.
    #[must_use]
    pub const fn total(&self) -> PageCount {
        self.total
    }

    /// Returns how many pages of memory the guest has.
    #[must_use]
    pub fn memory(&self) -> PageCount {
        PageCount::try_new(self.memory).unwrap_or_default()
    }

    /// Returns how many pages of memory are mapped.
    #[must_use]
    pub fn memory_mapped(&self) -> PageCount {
        PageCount::try_new(self.memory_mapped).unwrap_or_default()
    }

    fn no_frames(&self) -> Error {
        Error::NoFrames { doing: Doing::DirectMap, mapped: self.memory_mapped(), total: self.memory() }
    }

    fn take_mapped<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<Frame, Error> {
        self.frames.take(machine, p2m).ok_or_else(|| self.no_frames())
    }

    /// Takes the pages that follow off the list of those mapped for reading only and of those held, because they are
    /// released before the chunk that has them is mapped.
    pub(crate) fn forget(&mut self, pages: PfnRange) {
        if self.deferred == pages {
            self.deferred = PfnRange::default();
        }
        self.reserved.retain(|range| *range != pages);
        self.read_only.retain(|range| *range != pages);
    }
}
