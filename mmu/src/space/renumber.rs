//! Carries out a [`Renumbering`]: gives pages new numbers, before we map any of them.
//!
//! *What this is*: for every page that gets a new number, Xen's M2P is updated. If the builder mapped the page, that
//! mapping is removed: it is at the old number's address, where nobody would look for it when the page becomes a table.
//! Pages that get no number are given back. Pages that stay in use stay mapped: the code that runs may be in them, and a
//! console's ring is. They become no table, and the builder's mapping of them ends with the builder's tables.
//!
//! *What must hold*: the direct map does not exist yet, so the only mappings are the builder's, and that of an image at an
//! address of its own. All other pages are not in use ([`Renumbering::plan`]).
//!
//! *What is not prevented*: a refusal by Xen half-way. Then the boot ends.

use p2m::{MachineToPhys, Memory, Renumbering, Translate};
use start_info::{Pfn, PfnRange};

use crate::{
    error::{MmuError, Operation},
    hv::{Machine, Update},
    paging::{batch::Batch, entry::Entry, level::L1},
    space::{builder_tables::BuilderTables, released_mfn::release_mfn},
};

impl BuilderTables {
    /// Renumbers and gives back pages as planned.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    // Not inlined: inlined into the boot, it took a few more instructions per page.
    #[inline(never)]
    pub fn renumber<M: Machine>(&self, machine: &mut M, plan: &Renumbering) -> Result<(), MmuError> {
        let mut batch = Batch::new(Operation::Renumbering);
        for moved in plan.moves() {
            // All of them, or none.
            let in_use = plan.lasting().contains(moved.from.start());
            for (from, to) in moved.from.iter().zip(moved.to.iter()) {
                let Some(mfn) = plan.list().entry(machine, from).ram() else { continue };
                let clear = if in_use { None } else { self.clear(machine, from)? };
                if let Some(clear) = clear {
                    batch.push(machine, clear)?;
                }
                batch.push(machine, Update::machine_to_phys(mfn, to))?;
            }
        }
        for pfn in plan.given_back().flat_map(PfnRange::iter) {
            if let Some(clear) = self.clear(machine, pfn)? {
                batch.push(machine, clear)?;
            }
        }
        // A page may become a table while a stale translation can still write it.
        batch.commit(machine)?.flush(machine)?;
        release_mfn(machine, plan.list(), plan.given_back().flat_map(PfnRange::iter))
    }

    /// Returns the update that removes the builder's mapping of a page; `None` for a page it did not map.
    fn clear<M: Memory + MachineToPhys>(&self, machine: &M, pfn: Pfn) -> Result<Option<Update>, MmuError> {
        let Some(address) = self.linear().address(pfn) else { return Ok(None) };
        let (slot, _) = self.view().leaf(machine, address)?;
        Ok(Some(Update::new(slot, Entry::<L1>::EMPTY)))
    }
}
