//! shared_info is only the page that start_info names.
//!
//! On Xen: publishing overwrites words of whatever page was named.

use mmu::{MmuError, Fixmap, FixmapPage, Machine};
use p2m::Tree;
use start_info::{BootFacts, Maddr};

pub fn map<M: Machine>(
    fixmap: &mut Fixmap<'_>,
    machine: &mut M,
    p2m: &Tree,
    facts: &BootFacts,
    page: &Maddr,
) -> Result<FixmapPage, MmuError> {
    let _ = page;
    fixmap.map_shared_info(machine, p2m, facts) //~ TWIN
    fixmap.map_shared_info(machine, p2m, page) //~ FAIL E0308
}
