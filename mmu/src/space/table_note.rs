//! Undoes tables that were taken but could not all be hooked.
//!
//! *What this is*: a note of the frames that became tables, and how to undo them: they are unhooked, made writable and
//! given back, last taken first, and all is as before. What was done is read from the live tables
//! (`docs/decisions/0014-undo-by-reading.md`), so an undo that is refused can be tried again.
//!
//! *What must hold*: a table is noted before it is made, and only noted tables were made for the addresses. A table is
//! unhooked before it is made writable, by an earlier list of updates.

use arrayvec::ArrayVec;
use p2m::{Frame, Memory};
use start_info::Pfn;
use x86_64::VirtAddr;

use crate::{
    error::{MmuError, Operation},
    hv::{Machine, Update},
    paging::{
        batch::Batch,
        entry::Entry,
        freeze::{make_writable, reclaim},
        level::{Arithmetic, L2, L3, L4},
    },
    space::{live_tables::LiveTables, table_source::Note},
};

/// The frames that were taken for tables, in the order they were taken.
pub(crate) trait TableNote: Note {
    /// Returns how many there are.
    fn len(&self) -> u64;

    /// Returns one of them.
    fn table(&self, memory: &impl Memory, number: u64) -> Option<Pfn>;

    /// Tells whether a table was made of one of them.
    fn has(&self, memory: &impl Memory, table: Pfn) -> bool {
        (0..self.len()).any(|number| self.table(memory, number) == Some(table))
    }

    /// Unhooks the tables that cover `addresses`, one address for each L1 table, and makes their pages writable. It
    /// reads from the live tables what is left to do, so it can be called again.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses; the rest stays as it is.
    fn undo<M: Machine>(
        &self,
        machine: &mut M,
        view: &LiveTables,
        doing: Operation,
        addresses: impl Iterator<Item = VirtAddr> + Clone,
    ) -> Result<(), MmuError> {
        let mut batch = Batch::new(doing);
        self.unhook(machine, view, &mut batch, addresses)?;
        batch
            .commit(machine)?
            .waive("Xen flushes after changes of upper levels, and nothing used the addresses");

        let mut batch = Batch::new(doing);
        for number in 0..self.len() {
            if let Some(pfn) = self.table(machine, number) {
                make_writable(machine, &mut batch, view, pfn)?;
            }
        }
        // A stale read-only translation, from this attempt or an earlier one, would fault on the first write.
        batch.commit(machine)?.flush(machine)
    }

    /// Unhooks the tables, at the highest level at which they are noted.
    ///
    /// # Errors
    /// As [`TableNote::undo`].
    fn unhook<M: Machine>(
        &self,
        machine: &mut M,
        view: &LiveTables,
        batch: &mut Batch,
        addresses: impl Iterator<Item = VirtAddr> + Clone,
    ) -> Result<(), MmuError> {
        let Some(first) = addresses.clone().next() else { return Ok(()) };
        let Some(l3) = view.l3(machine, first)? else { return Ok(()) };
        if self.has(machine, l3.pfn()) {
            return view.detach_everywhere(machine, batch, L4::index(first));
        }
        let Some(l2) = view.l2(machine, first)? else { return Ok(()) };
        if self.has(machine, l2.pfn()) {
            let slot = l3.mfn().maddr().entry(L3::index(first));
            return batch.push(machine, Update::new(slot, Entry::<L3>::EMPTY));
        }
        for address in addresses {
            if view.l1(machine, address)?.is_some_and(|l1| self.has(machine, l1.pfn())) {
                let slot = l2.mfn().maddr().entry(L2::index(address));
                batch.push(machine, Update::new(slot, Entry::<L2>::EMPTY))?;
            }
        }
        Ok(())
    }

    /// Removes the last one.
    fn forget_last(&mut self);

    /// Hands the frames to `keep` after [`TableNote::undo`], the last first.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] for a frame that the direct map does not map for writing; it stays noted, with those
    /// before it.
    fn reclaim<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        mut keep: impl FnMut(&mut M, Frame),
    ) -> Result<(), MmuError> {
        while let Some(last) = self.len().checked_sub(1) {
            if let Some(pfn) = self.table(machine, last) {
                let frame = reclaim(machine, view, pfn)?;
                keep(machine, frame);
            }
            self.forget_last();
        }
        Ok(())
    }
}

/// The tables made for one address: an L3, an L2 and an L1 at most.
pub(crate) type Tables = ArrayVec<Pfn, 3>;

impl Note for Tables {
    fn note(&mut self, _memory: &mut impl Memory, pfn: Pfn) -> bool {
        self.try_push(pfn).is_ok()
    }
}

impl TableNote for Tables {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn table(&self, _memory: &impl Memory, number: u64) -> Option<Pfn> {
        self.get(number as usize).copied()
    }

    fn forget_last(&mut self) {
        self.pop();
    }
}
