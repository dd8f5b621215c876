//! A frame is taken from the direct map, or thawed with the authority.
//!
//! On Xen: a live table that is called thawed is still read-only, and a store to the frame faults; any other page gets
//! a second owner.

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
