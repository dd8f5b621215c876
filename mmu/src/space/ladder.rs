//! A new address space, built from the lowest address up.
//!
//! *What this is*: one open draft at each level, like rungs. Going on to an address under another table closes the rungs
//! below: they are frozen and linked into their parents. At the end the top-level table gets what the live one has of the
//! direct map, and is pinned; Xen checks the whole tree.
//!
//! *What must hold*: addresses ascend, so every table is opened once. Nothing is live before [`Ladder::pin`], and no frame is taken
//! after: the direct map does not grow between that and the switch.

use p2m::Translate;
use start_info::{ENTRIES, Index, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    direct_map::DirectMap,
    error::{Doing, Error},
    hv::{ExtOp, Machine},
    layout::{DIRECT_MAP, INIT_P2M},
    paging::{
        batch::Batch,
        entry::Entry,
        level::{Arithmetic, L1, L2, L3, L4},
        table::{Draft, Live, Table},
    },
    space::old_list::OldList,
};

/// An address space that is being built.
#[derive(Debug)]
pub(crate) struct Ladder {
    l4: Table<L4, Draft>,
    l3: Option<Table<L3, Draft>>,
    l2: Option<Table<L2, Draft>>,
    l1: Option<Table<L1, Draft>>,
    /// The last address that was mapped.
    at: VirtAddr,
    batch: Batch,
}

impl Ladder {
    /// Starts an address space with nothing in it.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there is no frame for the top-level table.
    pub(crate) fn start<M: Machine>(
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
    ) -> Result<Self, Error> {
        let frame = map.take(machine, p2m)?;
        Ok(Self {
            l4: Table::empty(frame, machine),
            l3: None,
            l2: None,
            l1: None,
            at: VirtAddr::new(0),
            batch: Batch::new(Doing::AddressSpace),
        })
    }

    /// Maps one page; an empty entry makes the tables and maps nothing.
    ///
    /// # Errors
    /// [`Error::OutOfOrder`] below an address that was mapped before, [`Error::NoFrames`] when there is no frame for a
    /// table, [`Error::Refused`] when Xen refuses a change to read-only.
    pub(crate) fn map<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        address: VirtAddr,
        entry: Entry<L1>,
    ) -> Result<(), Error> {
        // Most pages follow another one under the same table.
        if let Some(l1) = &mut self.l1
            && address >= self.at
            && address.as_u64() / L2::REACH == self.at.as_u64() / L2::REACH
        {
            self.at = address;
            l1.put(machine, L1::index(address), entry);
            return Ok(());
        }
        self.open(machine, map, p2m, address)?;
        if self.l1.is_none() {
            self.l1 = Some(Table::empty(map.take(machine, p2m)?, machine));
        }
        if let Some(l1) = &mut self.l1 {
            l1.put(machine, L1::index(address), entry);
        }
        Ok(())
    }

    /// Maps so many pages one after the other to the same frame; a table that leads nowhere else is filled as a whole.
    ///
    /// # Errors
    /// As [`Ladder::map`].
    #[inline(never)]
    pub(crate) fn map_alike<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        first: VirtAddr,
        pages: u64,
        entry: impl Fn() -> Entry<L1>,
    ) -> Result<(), Error> {
        let mut done = 0;
        while done < pages {
            let address = first + done * PAGE_SIZE;
            if pages - done >= ENTRIES && L1::index(address) == Index::FIRST {
                self.open(machine, map, p2m, address)?;
                let entries = core::iter::repeat_with(&entry);
                self.l1 = Some(Table::filled(map.take(machine, p2m)?, machine, entries));
                done += ENTRIES;
            } else {
                self.map(machine, map, p2m, address, entry())?;
                done += 1;
            }
        }
        Ok(())
    }

    /// Makes the upper tables of an address, after those that do not cover it were closed.
    #[inline(always)]
    fn open<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        address: VirtAddr,
    ) -> Result<(), Error> {
        if address < self.at {
            return Err(Error::OutOfOrder { address: address.as_u64() });
        }
        self.close_up_to(machine, map, Some(address))?;
        self.at = address;
        if self.l3.is_none() {
            self.l3 = Some(Table::empty(map.take(machine, p2m)?, machine));
        }
        if self.l2.is_none() {
            self.l2 = Some(Table::empty(map.take(machine, p2m)?, machine));
        }
        Ok(())
    }

    /// Closes the address space, lets it share the direct map of the live one, and the builder's list while that is in use, and
    /// has Xen check and pin it.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses a change to read-only or the pin.
    pub(crate) fn pin<M: Machine>(
        mut self,
        machine: &mut M,
        map: &DirectMap,
        list: OldList,
    ) -> Result<Table<L4, Live>, Error> {
        self.close_up_to(machine, map, None)?;
        // Now, and not at the start: a table for this space may have been the frame for which the direct map grew, over the end
        // of a top-level entry.
        let root = map.view().root();
        let end = match list {
            OldList::Unused => L4::index(INIT_P2M).get(),
            OldList::InUse => L4::index(INIT_P2M).get() + 1,
        };
        for slot in L4::index(DIRECT_MAP).get()..end {
            let slot = Index::containing(u64::from(slot));
            if let Some(l3) = map.view().below(machine, &root, slot)? {
                self.l4.share(machine, slot, &l3);
            }
        }
        let l4 = self.l4.freeze(machine, &mut self.batch, map.view())?;
        self.batch.commit(machine)?.waive("a frozen table is not written again");
        machine
            .mmuext_op(&[ExtOp::pin_l4(l4.mfn())])
            .map_err(|stopped| Error::refused(Doing::AddressSpace, stopped))?;
        Ok(l4.hooked())
    }

    /// Closes the tables that do not cover `next`; all of them for `None`.
    fn close_up_to<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &DirectMap,
        next: Option<VirtAddr>,
    ) -> Result<(), Error> {
        let leaves = |reach: u64| next.is_none_or(|next| next.as_u64() / reach != self.at.as_u64() / reach);
        let (leave_l1, leave_l2, leave_l3) = (leaves(L2::REACH), leaves(L3::REACH), leaves(L4::REACH));
        if leave_l1
            && let Some(l1) = self.l1.take()
            && let Some(l2) = &mut self.l2
        {
            let l1 = l1.freeze(machine, &mut self.batch, map.view())?;
            l2.link(machine, L2::index(self.at), l1);
        }
        if leave_l2
            && let Some(l2) = self.l2.take()
            && let Some(l3) = &mut self.l3
        {
            let l2 = l2.freeze(machine, &mut self.batch, map.view())?;
            l3.link(machine, L3::index(self.at), l2);
        }
        if leave_l3 && let Some(l3) = self.l3.take() {
            let l3 = l3.freeze(machine, &mut self.batch, map.view())?;
            self.l4.link(machine, L4::index(self.at), l3);
        }
        Ok(())
    }
}
