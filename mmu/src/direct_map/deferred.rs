//! The builder's list is not mapped in the direct map until it is released.
//!
//! *What this is*: with INIT_P2M the list lies in pages right after the boot mapping, 2 MiB for each GiB of memory. It
//! is read at the builder's own address. Mapping it here read-only would take tables, on a host of many TiB more than
//! there are pages below, and each of its pages would have to be made writable later. So L1 tables that would map only
//! the list are left out. They are made, writable at once, when the list has been copied.
//!
//! *What must hold*: until then nobody reaches a page of the list through the direct map: only the tree uses the list,
//! at the builder's address.
//!
//! A list that stays (`revector=off`) is mapped, because its tables are live and walking live tables reads them here.

use p2m::Translate;
use start_info::PfnRange;

use crate::{
    direct_map::{
        DirectMap,
        chunk::{L1_PAGES, L2_PAGES},
    },
    error::{MmuError, Operation},
    hv::Machine,
    paging::{batch::Batch, freeze::make_writable},
};

impl DirectMap {
    /// Maps pages of the list that nothing uses any more, as far as the direct map reaches, and gives them to the
    /// allocator: all but those in `held_in_holes`. It does one chunk at a time, so that each yields the frames for the
    /// tables of the next.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn take_up<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        list: PfnRange,
        held_in_holes: impl Iterator<Item = PfnRange> + Clone,
    ) -> Result<(), MmuError> {
        self.forget(list);
        for part in list.intersection(self.view().direct().frames()).pieces(L2_PAGES) {
            self.take_up_in_l2(machine, p2m, part)?;
            self.give_released(machine, part, held_in_holes.clone());
        }
        Ok(())
    }

    fn take_up_in_l2<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        part: PfnRange,
    ) -> Result<(), MmuError> {
        let mut batch = Batch::new(Operation::Release);
        let mut mapper = self.mapper(p2m, Operation::Release);
        for pages in part.pieces(L1_PAGES) {
            if mapper.view().l1(machine, mapper.view().direct_address(pages.start()))?.is_some() {
                for pfn in pages.iter() {
                    make_writable(machine, &mut batch, mapper.view(), pfn)?;
                }
            } else {
                mapper.map(machine, pages)?;
            }
        }
        let done = mapper.finish(machine)?;
        self.extent.add_mapped(done.memory);
        // A stale read-only translation would fault on the first write to a page given back.
        batch.commit(machine)?.flush(machine)
    }
}
