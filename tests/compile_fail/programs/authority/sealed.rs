//! A page is sealed by taking its writable mappings away, or with the authority.
//!
//! On Xen: nothing stops it. The page is still writable in the direct map, and what is mapped executable can be
//! changed.

//@ inside mmu

use mmu::{MmuError, Machine, LiveTables, paging::{batch::Batch, freeze::seal}};
use p2m::{Frame, Sealed};

pub fn code(
    machine: &mut impl Machine,
    batch: &mut Batch,
    view: &LiveTables,
    frame: Frame,
) -> Result<Frame<Sealed>, MmuError> {
    seal(machine, batch, view, frame).map(|(frame, _)| frame) //~ TWIN
    Ok(frame.into_sealed()) //~ FAIL E0061
}
