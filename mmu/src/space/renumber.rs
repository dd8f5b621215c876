//! Carries out an arrangement: new numbers for pages, before anything of ours maps them.
//!
//! *What this is*: for every page that gets another number Xen's M2P is told, and if the builder mapped the page, that
//! mapping goes: it is at the old number's address, where nobody would think of it when the page becomes a table. Pages
//! that find no number are given back.
//!
//! *What must hold*: the direct map does not exist yet, so the builder's mapping is the only one. Nothing occupies the
//! pages ([`Renumbering::plan`]).
//!
//! *What is not prevented*: Xen refusing half-way. The boot ends then.

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
    // Inlined into the boot it took some instructions more for every page.
    #[inline(never)]
    pub fn renumber<M: Machine>(&self, machine: &mut M, plan: &Renumbering) -> Result<(), MmuError> {
        let mut batch = Batch::new(Operation::Arrangement);
        for moved in plan.moves() {
            for (from, to) in moved.from.iter().zip(moved.to.iter()) {
                let Some(mfn) = plan.list().entry(machine, from).ram() else { continue };
                if let Some(clear) = self.clear(machine, from)? {
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

    /// Returns what takes the builder's mapping of a page away; `None` for a page it did not map.
    fn clear<M: Memory + MachineToPhys>(&self, machine: &M, pfn: Pfn) -> Result<Option<Update>, MmuError> {
        let Some(address) = self.window().address(pfn) else { return Ok(None) };
        let (slot, _) = self.view().leaf(machine, address)?;
        Ok(Some(Update::new(slot, Entry::<L1>::EMPTY)))
    }
}
