//! The builder's tables are used only once to build a direct map.
//!
//! On Xen: a second direct map takes its first tables from the pages below the kernel, where the first one's are live.
//! Those are mapped read-only, so filling them faults.

use mmu::{BuilderTables, DirectMap, MmuError, Machine, BuilderP2m};
use p2m::{Renumbering, BootReserved};
use start_info::{BootFacts, PfnRange};

pub fn map_both(
    machine: &mut impl Machine,
    pages: &Renumbering,
    occupied: &BootReserved,
    facts: &BootFacts,
    tables: BuilderTables,
    another: BuilderTables,
) -> Result<[DirectMap; 2], MmuError> {
    let constant = PfnRange::EMPTY;
    let map = DirectMap::bootstrap(machine, pages, occupied, facts, tables, constant, BuilderP2m::Copied)?;
    let second = DirectMap::bootstrap(machine, pages, occupied, facts, another, constant, BuilderP2m::Copied)?; //~ TWIN
    let second = DirectMap::bootstrap(machine, pages, occupied, facts, tables, constant, BuilderP2m::Copied)?; //~ FAIL E0382
    Ok([map, second])
}
