//! What lies where the machine has no RAM is found with the authority.
//!
//! On Xen: its pages are unmapped and their memory goes back. A map made up for it takes pages that are in use.

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
