//! The builder's tables are mapped over once.
//!
//! On Xen: a second direct map takes its first tables from the pages below the kernel, where those of the first are
//! live: they are mapped read-only, and filling them faults.

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
