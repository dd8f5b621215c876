//! What lies where the machine has no RAM is found with the authority.
//!
//! On Xen: its pages are unmapped and their memory goes back. A map made up for it takes pages that are in use.

use p2m::{Arrangement, Authority, Conflict, Displaced, List, Occupied};
use start_info::MemoryMap;

pub fn plan(
    authority: &Authority,
    list: List,
    map: &'static MemoryMap,
    occupied: Occupied,
) -> Result<Arrangement, Conflict> {
    Arrangement::plan(authority, list, map, occupied, Displaced::Moved) //~ TWIN
    Arrangement::plan(list, map, occupied, Displaced::Moved) //~ FAIL E0061
}
