//! A frame comes from the direct map, or needs the authority to be called writable.
//!
//! On Xen: a live table that is called writable is still mapped read-only, and a store to it faults; any other page
//! gets a second owner.

use mmu::{DirectMap, Machine};
use p2m::{Frame, Translate};
use start_info::Pfn;

pub fn frame(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    p2m: &impl Translate,
    pfn: Pfn,
) -> Option<Frame> {
    map.take(machine, p2m).ok() //~ TWIN
    map.view().direct().reclaim(pfn) //~ FAIL E0061
}
