//! The builder's list is not mapped in the direct map before it is let go.
//!
//! *What this is*: with INIT_P2M the list lies in pages right behind the boot mapping, 2 MiB for each GiB of memory. It
//! is read at the builder's own address, so mapping it for reading would take tables, on a host of many TiB more than
//! there are pages below, and each of its pages would have to be made writable later. So L1 tables that would map
//! nothing but the list are left out, and are made, writable at once, when the list has been copied.
//!
//! *What must hold*: nobody reaches a page of the list by the direct map meanwhile: it is held by nobody but the tree,
//! which has the builder's address.
//!
//! *What is not prevented*: a list that stays is mapped, because walking the live tables needs its own.

use p2m::Translate;
use start_info::PfnRange;

use crate::{
    direct_map::{
        DirectMap,
        chunk::{L1_PAGES, L2_PAGES, direct_address},
    },
    error::{MmuError, Operation},
    hv::Machine,
    paging::{batch::Batch, freeze::make_writable},
};

impl DirectMap {
    /// Maps pages of the list that nothing uses any more, as far as the direct map has come, and gives them to the
    /// allocator: all but those of `held_in_holes`. A chunk at a time, so that each pays for the tables of the next.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn take_up<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        list: PfnRange,
        late: impl Iterator<Item = PfnRange> + Clone,
    ) -> Result<(), MmuError> {
        self.forget(list);
        for part in list.intersection(self.view().direct().frames()).pieces(L2_PAGES) {
            self.take_up_in_l2(machine, p2m, part)?;
            self.give_released(machine, part, late.clone());
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
            if mapper.view().l1(machine, direct_address(pages.start()))?.is_some() {
                for pfn in pages.iter() {
                    make_writable(machine, &mut batch, mapper.view(), pfn)?;
                }
            } else {
                mapper.map(machine, pages)?;
            }
        }
        let done = mapper.finish(machine)?;
        self.extent.add_mapped(done.memory);
        // A stale read-only translation would fault on the first write of a page given back.
        batch.commit(machine)?.flush(machine)
    }
}
