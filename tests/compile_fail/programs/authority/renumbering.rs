//! Only code with the authority finds the pages that lie where the machine has no RAM.
//!
//! On Xen: these pages are unmapped and their memory goes back to Xen. A made-up map would take pages that are in use.

use p2m::{Renumbering, Authority, Conflict, Displaced, List, BootReserved};
use start_info::MemoryMap;

pub fn plan(
    authority: &Authority,
    list: List,
    map: &'static MemoryMap,
    occupied: BootReserved,
) -> Result<Renumbering, Conflict> {
    Renumbering::plan(authority, list, map, occupied, Displaced::Moved) //~ TWIN
    Renumbering::plan(list, map, occupied, Displaced::Moved) //~ FAIL E0061
}
