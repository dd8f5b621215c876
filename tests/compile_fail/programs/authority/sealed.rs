//! A page is sealed by removing its writable mappings, or with the authority.
//!
//! On Xen: Xen does not stop it. The page is still writable in the direct map, so executable code can be changed.

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
