//! A chunk on its way into the direct map, and the way back.
//!
//! *What this is*: while a chunk is being mapped, the numbers of the frames that become its tables, in a page taken for that
//! first. If Xen refuses, or the frames run out, the chunk's tables are unhooked, made writable and given back in the
//! opposite order, and all is as it was. What was done is read from the live tables, so that undoing can itself be refused
//! and be tried again: by `DirectMap::retry`, with which every `DirectMap::grow` begins.
//!
//! *What must hold*: nothing of a chunk is handed out or looked at before all of it is mapped; nothing else grows before
//! what was begun is undone. A table is unhooked before it is made writable, by an earlier list.
//!
//! *What is not prevented*: the first chunk is mapped without a page to note its tables in. If that is refused the boot ends.

use arrayvec::ArrayVec;
use p2m::{Frame, Memory};
use start_info::{ENTRIES, Index, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    direct_map::chunk::{L1_PAGES, direct_address},
    error::{Doing, Error},
    hv::{Machine, Update},
    paging::{
        batch::Batch,
        entry::Entry,
        freeze::unseal,
        level::{Arithmetic, L2, L3, L4},
    },
    space::view::View,
};

/// The tables above the L1 tables of a chunk that can be new: its L2 and its L3.
const MOST_UPPER: usize = 2;

/// A chunk that is being mapped, or whose mapping is to be undone.
#[derive(Debug)]
pub(crate) struct Growth {
    chunk: PfnRange,
    /// Its words are the numbers of the first 512 frames taken for tables.
    page: Frame,
    in_page: u64,
    /// The frames behind those.
    more: ArrayVec<Pfn, MOST_UPPER>,
}

impl Growth {
    pub(crate) const fn new(chunk: PfnRange, page: Frame) -> Self {
        Self { chunk, page, in_page: 0, more: ArrayVec::new_const() }
    }

    /// Takes note of a frame that becomes a table; `false` when there is no room, which no chunk brings about.
    pub(crate) fn note(&mut self, memory: &mut impl Memory, pfn: Pfn) -> bool {
        if self.in_page < ENTRIES {
            self.page.set(memory, Index::containing(self.in_page), pfn.get());
            self.in_page += 1;
            return true;
        }
        self.more.try_push(pfn).is_ok()
    }

    /// Returns how many frames were noted.
    pub(crate) fn len(&self) -> u64 {
        self.in_page + self.more.len() as u64
    }

    /// Returns one of the frames that were noted, in the order they were taken.
    pub(crate) fn table(&self, memory: &impl Memory, number: u64) -> Option<Pfn> {
        if number < self.in_page {
            return Pfn::try_new(memory.load(self.page.word(Index::containing(number)))).ok();
        }
        self.more.get((number - self.in_page) as usize).copied()
    }

    /// Tells whether a table was made of one of them.
    fn has(&self, memory: &impl Memory, table: Pfn) -> bool {
        (0..self.len()).any(|number| self.table(memory, number) == Some(table))
    }

    /// Gives up the page when the chunk is mapped or undone.
    pub(crate) fn into_page(self) -> Frame {
        self.page
    }

    /// Returns the frames that were noted, in the order they were taken.
    pub(crate) fn tables(&self, memory: &impl Memory) -> impl Iterator<Item = Pfn> {
        (0..self.len()).filter_map(|number| self.table(memory, number))
    }

    /// Returns the page of the note.
    pub(crate) const fn page(&self) -> Pfn {
        self.page.pfn()
    }

    /// Takes the chunk's tables out of the live ones and makes their pages writable. It reads what is still to be done there,
    /// so it can be called again.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses; the rest stays as it is.
    pub(crate) fn undo<M: Machine>(&self, machine: &mut M, view: &View) -> Result<(), Error> {
        let mut batch = Batch::new(Doing::DirectMap);
        self.unhook(machine, view, &mut batch)?;
        batch
            .commit(machine)?
            .waive("Xen flushes after changes of upper levels, and nothing used the addresses");

        let mut batch = Batch::new(Doing::DirectMap);
        for number in 0..self.len() {
            if let Some(pfn) = self.table(machine, number) {
                unseal(machine, &mut batch, view, pfn)?;
            }
        }
        // A stale read-only translation would fault on the first write, one of an attempt before this too.
        batch.commit(machine)?.flush(machine)
    }

    /// Takes the chunk's tables out of the live ones, at the highest level at which they are the chunk's own.
    fn unhook<M: Machine>(&self, machine: &mut M, view: &View, batch: &mut Batch) -> Result<(), Error> {
        let first = direct_address(self.chunk.start());
        let Some(l3) = view.l3(machine, first)? else { return Ok(()) };
        if self.has(machine, l3.pfn()) {
            return view.detach_everywhere(machine, batch, L4::index(first));
        }
        let Some(l2) = view.l2(machine, first)? else { return Ok(()) };
        if self.has(machine, l2.pfn()) {
            let slot = l3.mfn().maddr().entry(L3::index(first));
            return batch.push(machine, Update::new(slot, Entry::<L3>::EMPTY));
        }
        for start in (self.chunk.start()..self.chunk.end()).step_by(L1_PAGES as usize) {
            let address: VirtAddr = direct_address(start);
            if view.l1(machine, address)?.is_some_and(|l1| self.has(machine, l1.pfn())) {
                let slot = l2.mfn().maddr().entry(L2::index(address));
                batch.push(machine, Update::new(slot, Entry::<L2>::EMPTY))?;
            }
        }
        Ok(())
    }
}
