//! Releases pages: to the allocator, or, where the machine has no RAM, unmapped and back to Xen.

use p2m::{Renumbering, Translate};
use start_info::PfnRange;

use crate::{
    direct_map::DirectMap,
    error::{MmuError, Operation},
    hv::{Machine, Update},
    paging::{batch::Batch, entry::Entry, level::L1},
    space::released_mfn::release_mfn,
};

impl DirectMap {
    /// Unmaps the released pages where the machine has no RAM, and gives their memory back to Xen. The caller changes
    /// their P2M entries.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    pub fn return_to_xen<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        pages: &Renumbering,
    ) -> Result<(), MmuError> {
        let held_in_holes = || pages.held_in_holes().flat_map(PfnRange::iter);
        let mut batch = Batch::new(Operation::GivingBack);
        for pfn in held_in_holes() {
            let address = self.view.direct().address(pfn).ok_or(MmuError::NoMemory { pfn })?;
            let (slot, entry) = self.view.leaf(machine, address)?;
            if entry.is_present() {
                batch.push(machine, Update::new(slot, Entry::<L1>::EMPTY))?;
            }
            self.extent.leave(entry.is_present());
        }
        batch.commit(machine)?.flush(machine)?;
        release_mfn(machine, p2m, held_in_holes())
    }

    /// Gives pages that nobody holds any more to the allocator, all but those in `held_in_holes`.
    pub(crate) fn give_released<M: Machine>(
        &mut self,
        machine: &mut M,
        pages: PfnRange,
        held_in_holes: impl Iterator<Item = PfnRange> + Clone,
    ) {
        let span = self.view.direct().free_span(self.view.authority(), pages);
        let frames = &mut self.frames;
        span.without(held_in_holes, |free| frames.give(machine, free));
    }
}
