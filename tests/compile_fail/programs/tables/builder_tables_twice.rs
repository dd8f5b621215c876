//! The builder's tables are used only once to build a direct map.
//!
//! On Xen: a second direct map takes its first tables from the pages below the kernel, where the first one's are live.
//! Those are mapped read-only, so filling them faults.

use mmu::{BuilderTables, DirectMap, Error, Machine, BuilderP2m};
use p2m::{Renumbering, BootReserved};
use start_info::{BootFacts, PfnRange};

pub fn map_both(
    machine: &mut impl Machine,
    pages: &Renumbering,
    occupied: &BootReserved,
    facts: &BootFacts,
    tables: BuilderTables,
    another: BuilderTables,
) -> Result<[DirectMap; 2], Error> {
    let constant = PfnRange::EMPTY;
    let map = DirectMap::bootstrap(machine, pages, occupied, facts, tables, constant, BuilderP2m::Unused)?;
    let second = DirectMap::bootstrap(machine, pages, occupied, facts, another, constant, BuilderP2m::Unused)?; //~ TWIN
    let second = DirectMap::bootstrap(machine, pages, occupied, facts, tables, constant, BuilderP2m::Unused)?; //~ FAIL E0382
    Ok([map, second])
}
