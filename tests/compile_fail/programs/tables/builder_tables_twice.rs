//! The builder's tables are mapped over once.
//!
//! On Xen: a second direct map takes its first tables from the pages below the kernel, where those of the first are
//! live: they are mapped read-only, and filling them faults.

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
