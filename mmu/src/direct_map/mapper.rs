//! Mapping a chunk, and the tables of other addresses.
//!
//! *What this is*: the tables of a chunk, made from its numbers and hooked from the bottom up, and the hand-over of its free pages; and
//! the tables that lead to an address of device memory or of a module.
//!
//! *What must hold*: the frame of a chunk's table is noted before the table is made, and nothing of the chunk is handed out before Xen
//! accepted all of it.

use p2m::{Entry as P2mEntry, Frame, FrameAllocator, Mapped, Span, Translate, Unmapped};
use start_info::{Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    direct_map::{
        DirectMap,
        chunk::{L1_PAGES, L2_PAGES, direct_address, frame},
    },
    error::{Doing, Error},
    hv::Machine,
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        level::{Arithmetic, L1, L2, L3, L4},
        table::{Draft, Frozen, Live, Table},
    },
};

/// The number of the first page that a table maps, and the table.
type NumberedL1 = (u64, Table<L1, Draft>);

impl DirectMap {
    /// Takes a frame for a table of the chunk being mapped, and notes it.
    pub(super) fn take_table<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
    ) -> Result<Frame, Error> {
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
    pub(super) fn map_chunk<M: Machine>(
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

    pub(super) fn hook_l2<M: Machine>(
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

    pub(super) fn send<M: Machine>(&self, machine: &mut M, batch: &mut Batch) -> Result<(), Error> {
        core::mem::replace(batch, Batch::new(Doing::DirectMap))
            .commit(machine)?
            .waive("hooks fill empty entries, and a frozen table is not written again");
        Ok(())
    }

    /// Makes the next table that maps something of `rest`, which goes on behind it; returns its first page with it.
    pub(super) fn next_l1<M: Machine>(
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
    pub(super) fn l1<M: Machine>(
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

    pub(super) fn access(&self, pfn: Pfn, mixed: bool) -> Access {
        if mixed && self.read_only.iter().any(|range| range.contains(pfn)) {
            Access::Read
        } else {
            Access::ReadWrite
        }
    }

    /// Takes note of pages that are mapped now, as far as there is anything behind them.
    pub(super) fn extend(&mut self, pages: Span<Unmapped>) -> Result<Span<Mapped>, Error> {
        let start = pages.range().start();
        let mapped = self.view.extend(pages).map_err(|_| Error::NoMemory { pfn: frame(start) })?;
        self.frames.move_to(*self.view.direct());
        Ok(mapped)
    }

    pub(super) fn hand_out<M: Machine>(
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
}

/// Returns where to go on in `pages`: at their start, or behind a gap there, at the last border of `step` pages in it.
pub(super) fn behind_gap<M: Machine>(machine: &M, p2m: &impl Translate, pages: PfnRange, step: u64) -> u64 {
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
