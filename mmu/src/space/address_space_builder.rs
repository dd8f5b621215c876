//! The tables that lead to an address, made where they are missing.
//!
//! *What this is*: one open table (a rung) at each level, below a top that is a draft (a new address space) or all live
//! top-level tables. Moving on to an address under another table closes the rungs that do not cover it: new tables are
//! frozen and go into their parents, by a store if the parent is new too, by Xen if it is live. All tables of the layer
//! are made here, except the top-level ones of further address spaces, which are copies.
//!
//! *What must hold*: addresses ascend, so every table is opened once. What is new is filled before anything live leads
//! to it.
//!
//! *What is not prevented*: dropping a builder half-way. Callers that may have to undo it note the frames of its tables
//! (`table_note.rs`).

use start_info::{ENTRIES, Index, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    error::{MmuError, Operation},
    hv::Machine,
    paging::{
        batch::Batch,
        entry::Entry,
        flush::Unflushed,
        level::{Arithmetic, L1, L2, L3, L4},
        table::{Draft, Table},
    },
    space::{
        live_tables::LiveTables,
        rung::{LiveTop, Rung, Top},
        table_source::TableSource,
    },
};

/// The open tables, which lead to the last address.
#[derive(Debug)]
pub(crate) struct AddressSpaceBuilder<T> {
    top: T,
    l3: Option<Rung<L3>>,
    l2: Option<Rung<L2>>,
    l1: Option<Rung<L1>>,
    /// The last address that was mapped.
    at: VirtAddr,
    batch: Batch,
}

impl AddressSpaceBuilder<LiveTop> {
    /// Starts at the live tables; requests to Xen go through `batch`.
    pub(crate) const fn live(batch: Batch) -> Self {
        Self::on(LiveTop, batch)
    }

    /// Closes all tables and sends what is left to Xen.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn finish<M: Machine>(
        mut self,
        machine: &mut M,
        view: &LiveTables,
    ) -> Result<Unflushed, MmuError> {
        self.close_up_to(machine, view, None)?;
        self.batch.commit(machine)
    }
}

impl AddressSpaceBuilder<Table<L4, Draft>> {
    /// Starts a new address space with nothing in it.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for the top-level table.
    pub(crate) fn new_space<M: Machine>(
        machine: &mut M,
        source: &mut impl TableSource<M>,
    ) -> Result<Self, MmuError> {
        let frame = source.take_table(machine)?;
        Ok(Self::on(Table::empty(frame, machine), Batch::new(Operation::AddressSpace)))
    }

    /// Closes all tables, and returns the top-level one with the batch of what is left to send.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses a change to read-only.
    pub(crate) fn into_top<M: Machine>(
        mut self,
        machine: &mut M,
        view: &LiveTables,
    ) -> Result<(Table<L4, Draft>, Batch), MmuError> {
        self.close_up_to(machine, view, None)?;
        Ok((self.top, self.batch))
    }
}

impl<T: Top> AddressSpaceBuilder<T> {
    const fn on(top: T, batch: Batch) -> Self {
        Self { top, l3: None, l2: None, l1: None, at: VirtAddr::zero(), batch }
    }

    /// Maps one page. An empty entry only makes the tables.
    ///
    /// # Errors
    /// [`MmuError::OutOfOrder`] below an address that was mapped before, [`MmuError::NoFrames`] when no frame is free
    /// for a table, [`MmuError::Refused`] when Xen refuses a change to read-only.
    pub(crate) fn map<M: Machine>(
        &mut self,
        machine: &mut M,
        source: &mut impl TableSource<M>,
        address: VirtAddr,
        entry: Entry<L1>,
    ) -> Result<(), MmuError> {
        // Most pages follow another one under the same table.
        let follows = address >= self.at && address.as_u64() / L2::REACH == self.at.as_u64() / L2::REACH;
        if !follows || self.l1.is_none() {
            self.open(machine, source, address)?;
        }
        self.at = address;
        match &mut self.l1 {
            Some(l1) => l1.put(machine, &mut self.batch, L1::index(address), entry),
            None => Err(MmuError::NotMapped { address: address.as_u64(), level: 1 }),
        }
    }

    /// Maps the range of one L1 table, from its first entry on, by a new table that is filled as a whole.
    ///
    /// # Errors
    /// As [`AddressSpaceBuilder::map`], and [`MmuError::OutOfOrder`] if `start` is not the first address of a table.
    pub(crate) fn fill<M: Machine>(
        &mut self,
        machine: &mut M,
        source: &mut impl TableSource<M>,
        address: VirtAddr,
        entries: impl Iterator<Item = Entry<L1>>,
    ) -> Result<(), MmuError> {
        self.open_upper(machine, source, address)?;
        if self.l1.is_some() || L1::index(address) != Index::FIRST {
            return Err(MmuError::OutOfOrder { address: address.as_u64() });
        }
        let frame = source.take_table(machine)?;
        self.l1 = Some(Rung::New(Table::filled(frame, machine, entries)));
        Ok(())
    }

    /// Maps `pages` adjacent pages to the same frame; a table whose entries are all that frame is filled as a whole.
    ///
    /// # Errors
    /// As [`AddressSpaceBuilder::map`].
    #[inline(never)]
    pub(crate) fn map_alike<M: Machine>(
        &mut self,
        machine: &mut M,
        source: &mut impl TableSource<M>,
        first: VirtAddr,
        pages: u64,
        entry: impl Fn() -> Entry<L1>,
    ) -> Result<(), MmuError> {
        let mut done = 0;
        while done < pages {
            let address = first + done * PAGE_SIZE;
            if pages - done >= ENTRIES && L1::index(address) == Index::FIRST {
                self.fill(machine, source, address, core::iter::repeat_with(&entry))?;
                done += ENTRIES;
            } else {
                self.map(machine, source, address, entry())?;
                done += 1;
            }
        }
        Ok(())
    }

    /// Opens the tables of an address, after closing those that do not cover it.
    ///
    /// # Errors
    /// As [`AddressSpaceBuilder::map`].
    pub(crate) fn open<M: Machine>(
        &mut self,
        machine: &mut M,
        source: &mut impl TableSource<M>,
        address: VirtAddr,
    ) -> Result<(), MmuError> {
        self.open_upper(machine, source, address)?;
        if self.l1.is_none()
            && let Some(l2) = &self.l2
        {
            let live = l2.below(machine, source.view(), L2::index(address))?;
            self.l1 = Some(Rung::found_or_new(live, machine, source)?);
        }
        Ok(())
    }

    #[inline(always)]
    fn open_upper<M: Machine>(
        &mut self,
        machine: &mut M,
        source: &mut impl TableSource<M>,
        address: VirtAddr,
    ) -> Result<(), MmuError> {
        if address < self.at {
            return Err(MmuError::OutOfOrder { address: address.as_u64() });
        }
        self.close_up_to(machine, source.view(), Some(address))?;
        self.at = address;
        if self.l3.is_none() {
            let live = self.top.l3(machine, source.view(), address)?;
            self.l3 = Some(Rung::found_or_new(live, machine, source)?);
        }
        if self.l2.is_none()
            && let Some(l3) = &self.l3
        {
            let live = l3.below(machine, source.view(), L3::index(address))?;
            self.l2 = Some(Rung::found_or_new(live, machine, source)?);
        }
        Ok(())
    }

    /// Closes the tables that do not cover `next`; all of them for `None`.
    fn close_up_to<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        next: Option<VirtAddr>,
    ) -> Result<(), MmuError> {
        let (at, batch) = (self.at, &mut self.batch);
        let leaves = |reach: u64| next.is_none_or(|next| next.as_u64() / reach != at.as_u64() / reach);
        if leaves(L2::REACH)
            && let Some(l1) = self.l1.take()
            && let Some(l1) = l1.close(machine, batch, view)?
            && let Some(l2) = &mut self.l2
        {
            l2.lead_to(machine, batch, L2::index(at), l1)?;
        }
        if leaves(L3::REACH)
            && let Some(l2) = self.l2.take()
            && let Some(l2) = l2.close(machine, batch, view)?
            && let Some(l3) = &mut self.l3
        {
            l3.lead_to(machine, batch, L3::index(at), l2)?;
        }
        if leaves(L4::REACH)
            && let Some(l3) = self.l3.take()
            && let Some(l3) = l3.close(machine, batch, view)?
        {
            self.top.lead_to(machine, batch, view, L4::index(at), l3)?;
        }
        Ok(())
    }
}
