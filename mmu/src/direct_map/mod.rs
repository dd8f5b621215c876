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
pub(crate) mod pool;
pub(crate) mod ramdisk;

use arrayvec::ArrayVec;
use p2m::{
    Arrangement, Entry as P2mEntry, Frame, FrameAllocator, MOST_OCCUPANTS, Mapped, Memory, Occupied,
    SharedPage, Span, Translate, Unmapped,
};
use start_info::{BootFacts, ENTRIES, Index, P2mPlace, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    direct_map::{
        chunk::{L1_PAGES, L2_PAGES, L3_PAGES, direct_address, frame},
        growth::Growth,
        ramdisk::RamdiskPages,
    },
    error::{Doing, Error, RunOf},
    hv::{Machine, Update},
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        freeze::thawed,
        level::{Arithmetic, L1, L2, L3, L4},
        table::{Draft, Frozen, Live, Table},
    },
    space::{builder_tables::BuilderTables, discard::discard, old_list::OldList, view::View},
};

/// What is in use at entry, page 0, and our own first tables.
const MOST_RANGES: usize = MOST_OCCUPANTS + 2;

/// The number of the first page that a table maps, and the table.
type NumberedL1 = (u64, Table<L1, Draft>);

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

    /// Takes a frame for a table of the chunk being mapped, and notes it.
    fn take_table<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<Frame, Error> {
        let frame = self.take_mapped(machine, p2m)?;
        if let Some(growth) = &mut self.growth
            && !growth.note(machine, frame.pfn())
        {
            self.give(machine, frame);
            return Err(self.no_frames());
        }
        Ok(frame)
    }

    /// Maps a chunk that lies under one L2 table (or several, if it is the first) and hands out what is free in it.
    fn map_chunk<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        chunk: PfnRange,
    ) -> Result<(), Error> {
        let mut batch = Batch::new(Doing::DirectMap);
        let mut at = chunk.start();
        while at < chunk.end() {
            let end = chunk.end().min((at / L2_PAGES + 1) * L2_PAGES);
            self.map_in_l2(machine, p2m, &mut batch, PfnRange::clamped(at, end))?;
            at = end;
        }
        self.send(machine, &mut batch)?;
        if let Some(growth) = self.growth.take() {
            self.give(machine, growth.into_page());
        }
        let chunk = self.rest.take_until(chunk.end());
        self.hand_out(machine, p2m, chunk)
    }

    pub(crate) fn map_in_l2<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        batch: &mut Batch,
        pages: PfnRange,
    ) -> Result<(), Error> {
        let address = direct_address(pages.start());
        let live = self.view.l2(machine, address)?;
        let mut rest = pages;
        match live {
            Some(mut l2) => {
                while let Some((start, l1)) = self.next_l1(machine, p2m, &mut rest)? {
                    let l1 = l1.freeze(machine, batch, &self.view)?;
                    l2.attach(machine, batch, L2::index(direct_address(start)), l1)?;
                }
            }
            None => {
                let mut l2 = None;
                while let Some((start, l1)) = self.next_l1(machine, p2m, &mut rest)? {
                    let mut table = match l2.take() {
                        Some(table) => table,
                        None => {
                            let frame = self.take_table(machine, p2m)?;
                            Table::<L2, Draft>::empty(frame, machine)
                        }
                    };
                    let l1 = l1.freeze(machine, batch, &self.view)?;
                    table.link(machine, L2::index(direct_address(start)), l1);
                    l2 = Some(table);
                }
                if let Some(l2) = l2 {
                    let l2 = l2.freeze(machine, batch, &self.view)?;
                    self.hook_l2(machine, p2m, batch, address, l2)?;
                }
            }
        }
        Ok(())
    }

    fn hook_l2<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        batch: &mut Batch,
        address: VirtAddr,
        l2: Table<L2, Frozen>,
    ) -> Result<(), Error> {
        if let Some(mut l3) = self.view.l3(machine, address)? {
            l3.attach(machine, batch, L3::index(address), l2)?;
            return Ok(());
        }
        let frame = self.take_table(machine, p2m)?;
        let mut l3 = Table::<L3, Draft>::empty(frame, machine);
        l3.link(machine, L3::index(address), l2);
        let l3 = l3.freeze(machine, batch, &self.view)?;
        self.view.attach_everywhere(machine, batch, L4::index(address), l3)?;
        // The next L2 of this chunk looks for the L3 in the live tables.
        self.send(machine, batch)
    }

    /// Returns the live L1 table that covers an address, making it and the tables above it if need be.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses.
    pub(crate) fn open_l1<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        address: VirtAddr,
    ) -> Result<Table<L1, Live>, Error> {
        loop {
            if let Some(l1) = self.view.l1(machine, address)? {
                return Ok(l1);
            }
            let frame = self.take(machine, p2m)?;
            let mut batch = Batch::new(Doing::Device);
            if let Some(mut l2) = self.view.l2(machine, address)? {
                let l1 = Table::<L1, Draft>::empty(frame, machine).freeze(machine, &mut batch, &self.view)?;
                l2.attach(machine, &mut batch, L2::index(address), l1)?;
            } else if let Some(mut l3) = self.view.l3(machine, address)? {
                let l2 = Table::<L2, Draft>::empty(frame, machine).freeze(machine, &mut batch, &self.view)?;
                l3.attach(machine, &mut batch, L3::index(address), l2)?;
            } else {
                let l3 = Table::<L3, Draft>::empty(frame, machine).freeze(machine, &mut batch, &self.view)?;
                self.view.attach_everywhere(machine, &mut batch, L4::index(address), l3)?;
            }
            self.send(machine, &mut batch)?;
        }
    }

    fn send<M: Machine>(&self, machine: &mut M, batch: &mut Batch) -> Result<(), Error> {
        core::mem::replace(batch, Batch::new(Doing::DirectMap))
            .commit(machine)?
            .waive("hooks fill empty entries, and a frozen table is not written again");
        Ok(())
    }

    /// Makes the next table that maps something of `rest`, which goes on behind it; returns its first page with it.
    fn next_l1<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        rest: &mut PfnRange,
    ) -> Result<Option<NumberedL1>, Error> {
        while !rest.is_empty() {
            let behind = behind_gap(machine, p2m, *rest, L1_PAGES);
            self.holes_seen |= behind > rest.start();
            *rest = PfnRange::clamped(behind, rest.end());
            if rest.is_empty() {
                break;
            }
            let (start, end) = (rest.start(), rest.end());
            *rest = PfnRange::clamped((start + L1_PAGES).min(end), end);
            if let Some(l1) = self.l1(machine, p2m, start, end)? {
                return Ok(Some((start, l1)));
            }
        }
        Ok(None)
    }

    /// Makes the table for the pages from `start` on; none where no page has memory.
    fn l1<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        start: u64,
        end: u64,
    ) -> Result<Option<Table<L1, Draft>>, Error> {
        let pages = PfnRange::clamped(start, end.min(start + L1_PAGES));
        if pages.intersection(self.deferred) == pages {
            return Ok(None);
        }
        let mut words = [P2mEntry::MISSING; L1_PAGES as usize];
        let words = words.get_mut(..pages.len().get() as usize).unwrap_or_default();
        p2m.leaf_words(machine, frame(start), words);
        let memory = words.iter().filter(|&&word| P2mEntry::decode(word).ram().is_some()).count();
        self.holes_seen |= memory < words.len();
        if memory == 0 {
            return Ok(None);
        }
        self.memory_mapped += memory as u64;
        let frame = self.take_table(machine, p2m)?;
        let mixed = self.read_only.iter().any(|range| range.overlaps(pages));
        let entries = pages.iter().zip(words).map(|(pfn, word)| match P2mEntry::decode(*word).ram() {
            Some(mfn) => Entry::leaf(mfn, self.access(pfn, mixed)),
            None => Entry::EMPTY,
        });
        Ok(Some(Table::filled(frame, machine, entries)))
    }

    fn access(&self, pfn: Pfn, mixed: bool) -> Access {
        if mixed && self.read_only.iter().any(|range| range.contains(pfn)) {
            Access::Read
        } else {
            Access::ReadWrite
        }
    }

    /// Takes note of pages that are mapped now, as far as there is anything behind them.
    fn extend(&mut self, pages: Span<Unmapped>) -> Result<Span<Mapped>, Error> {
        let start = pages.range().start();
        let mapped = self.view.extend(pages).map_err(|_| Error::NoMemory { pfn: frame(start) })?;
        self.frames.move_to(*self.view.direct());
        Ok(mapped)
    }

    fn hand_out<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        chunk: Span<Unmapped>,
    ) -> Result<(), Error> {
        let mapped = self.extend(chunk)?;
        let holes = core::mem::take(&mut self.holes_seen);
        let frames = &mut self.frames;
        mapped.without(self.reserved.iter().copied(), |free| {
            if holes { give_runs(machine, frames, p2m, free) } else { frames.give(machine, free) }
        });
        Ok(())
    }

    /// Unmaps what lies where the machine has no RAM, once it has been let go, and gives its memory back to Xen. What the P2M
    /// says of it is the caller's to change.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses.
    pub fn vacate<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        pages: &Arrangement,
    ) -> Result<(), Error> {
        let late = || pages.late().flat_map(PfnRange::iter);
        let mut batch = Batch::new(Doing::GivingBack);
        for pfn in late() {
            let address = self.view.direct().address(pfn).ok_or(Error::NoMemory { pfn })?;
            let (slot, entry) = self.view.leaf(machine, address)?;
            if entry.is_present() {
                batch.push(machine, Update::new(slot, Entry::<L1>::EMPTY))?;
                self.memory_mapped = self.memory_mapped.saturating_sub(1);
            }
            self.memory = self.memory.saturating_sub(1);
        }
        batch.commit(machine)?.flush(machine)?;
        discard(machine, p2m, late())
    }

    /// Takes pages off the list of those that hold something, and gives them to the allocator.
    pub(crate) fn give_released<M: Machine>(
        &mut self,
        machine: &mut M,
        pages: PfnRange,
        late: impl Iterator<Item = PfnRange> + Clone,
    ) {
        let span = self.view.direct().free_span(self.view.authority(), pages);
        let frames = &mut self.frames;
        span.without(late, |free| frames.give(machine, free));
    }

    /// Returns where the ramdisk is, if there is one.
    #[must_use]
    pub fn ramdisk_pfns(&self) -> Option<PfnRange> {
        self.ramdisk.as_ref().map(RamdiskPages::pfns)
    }

    /// Returns the pages of the ramdisk, which from now on stay where they are, because somebody reads them.
    pub const fn lend_ramdisk(&mut self) -> Option<&RamdiskPages> {
        match &mut self.ramdisk {
            Some(ramdisk) => {
                ramdisk.lend();
                Some(ramdisk)
            }
            None => None,
        }
    }

    /// Copies a ramdisk that lies where the machine has no RAM to a run of free pages, and lets the old ones go: all but those of
    /// `late` to the allocator.
    ///
    /// # Errors
    /// [`Error::RamdiskLent`] when somebody reads it, [`Error::NoRun`] when there is no run as long, and as
    /// [`DirectMap::grow`]; nothing is let go then.
    pub fn move_ramdisk<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        late: impl Iterator<Item = PfnRange> + Clone,
    ) -> Result<(), Error> {
        let Some(ramdisk) = &self.ramdisk else { return Ok(()) };
        let pages = ramdisk.pfns();
        if ramdisk.is_lent() {
            return Err(Error::RamdiskLent { pages });
        }
        self.grow_to(machine, p2m, pages.end())?;
        let room = self.take_span(machine, p2m, pages.len());
        let mut room = room.map_err(|error| match error {
            Error::NoRun { need, longest, free, .. } => {
                Error::NoRun { object: RunOf::Ramdisk(pages), need, longest, free }
            }
            error => error,
        })?;
        let new = room.range();
        for (from, to) in pages.iter().zip(new.iter()) {
            p2m.entry(machine, from).ram().ok_or(Error::NoMemory { pfn: from })?;
            let source = self.view.direct().word(from, Index::FIRST).ok_or(Error::NoMemory { pfn: from })?;
            let target = self.view.direct().take_first(&mut room, machine, p2m);
            let mut target = target.ok_or(Error::NoMemory { pfn: to })?;
            machine.copy_page(source, &mut target);
        }
        self.forget(pages);
        self.give_released(machine, pages, late);
        if let Some(ramdisk) = &mut self.ramdisk {
            ramdisk.set(new);
        }
        Ok(())
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

/// Returns the highest run of `need` pages below the image that are memory: they become the first tables. Page 0 and at
/// least one page more are left out.
///
/// # Errors
/// [`Error::NoRun`] when there is none.
fn own_tables<M: Machine>(
    machine: &M,
    pages: &Arrangement,
    facts: &BootFacts,
    need: u64,
) -> Result<PfnRange, Error> {
    let image = facts.image().start();
    let (mut end, mut longest, mut free) = (image, 0, 0);
    for number in (1..image).rev() {
        if pages.entry(machine, frame(number)).ram().is_none() {
            end = number;
            continue;
        }
        if end - number > need {
            return Ok(PfnRange::between(frame(end - need), frame(end)));
        }
        (longest, free) = (longest.max(end - number), free + 1);
    }
    let count = |pages| PageCount::try_new(pages).unwrap_or_default();
    let object = RunOf::FirstTables(frame(image));
    Err(Error::NoRun { object, need: count(need + 1), longest: count(longest), free: count(free) })
}

/// How many tables a range takes.
struct Needed;

impl Needed {
    /// The most frames that one chunk takes: its tables, and a page to note them in.
    const MOST: u64 = ENTRIES + 2 + 1;

    /// How many more a range may take because its first and last tables are shared with what lies around it.
    const EDGES: u64 = 2 * (ENTRIES + 2);

    /// Returns how many tables map the pages of a range that have memory, if nothing around it is mapped.
    fn exactly<M: Machine>(machine: &M, p2m: &impl Translate, range: PfnRange) -> u64 {
        let has_memory = |range: PfnRange| p2m.first_memory(machine, range).is_some();
        [L1_PAGES, L2_PAGES, L3_PAGES]
            .into_iter()
            .map(|reach| {
                let tables = range.start() / reach..range.end().div_ceil(reach);
                let of = |table: u64| PfnRange::clamped(table * reach, (table + 1) * reach);
                tables.filter(|&table| has_memory(of(table).intersection(range))).count() as u64
            })
            .sum()
    }

    fn tables(range: PfnRange) -> u64 {
        let of = |reach: u64| range.end().div_ceil(reach) - range.start() / reach;
        of(L1_PAGES) + of(L2_PAGES) + of(L3_PAGES)
    }
}

/// Returns where to go on in `pages`: at their start, or behind a gap there, at the last border of `step` pages in it.
fn behind_gap<M: Machine>(machine: &M, p2m: &impl Translate, pages: PfnRange, step: u64) -> u64 {
    let gap = p2m.without_memory(machine, frame(pages.start())).end();
    if gap >= pages.end() { pages.end() } else { pages.start().max(gap - gap % step) }
}

/// Gives the parts of a span that have memory behind them.
fn give_runs<M: Machine>(
    machine: &mut M,
    frames: &mut FrameAllocator,
    p2m: &impl Translate,
    mut span: Span<Mapped>,
) {
    while !span.is_empty() {
        let range = span.range();
        let has_memory = |machine: &M, pfn| p2m.entry(machine, pfn).ram().is_some();
        let first = p2m.first_memory(machine, range).map_or(range.end(), Pfn::get);
        let _hole = span.take_until(first);
        let end = span.range().iter().find(|&pfn| !has_memory(machine, pfn)).map_or(range.end(), Pfn::get);
        frames.give(machine, span.take_until(end));
    }
}
