//! Pages that are let go: given to the allocator, or, where the machine has no RAM, unmapped and given back to Xen.

use p2m::{Arrangement, Translate};
use start_info::PfnRange;

use crate::{
    direct_map::DirectMap,
    error::{Doing, Error},
    hv::{Machine, Update},
    paging::{batch::Batch, entry::Entry, level::L1},
    space::discard::discard,
};

impl DirectMap {
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
            }
            self.extent.leave(entry.is_present());
        }
        batch.commit(machine)?.flush(machine)?;
        discard(machine, p2m, late())
    }

    /// Gives pages that nobody holds any more to the allocator, all but those of `late`.
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
}
