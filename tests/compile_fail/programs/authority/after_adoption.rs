//! The authority ends with the builder's tables.
//!
//! On Xen: from then on `mmu` decides what is mapped. Other code with the authority would hand out pages that are not
//! mapped yet, and their first store faults.

use mmu::{BuilderTables, MmuError, Machine, layout::Bases};
use p2m::{Authority, List, Span, Unmapped};
use start_info::BootFacts;

pub fn adopt(
    machine: &mut impl Machine,
    authority: Authority,
    another: Authority,
    list: &List,
    facts: &BootFacts,
) -> Result<(BuilderTables, Span<Unmapped>), MmuError> {
    let tables = BuilderTables::adopt(authority, machine, list, facts, &Bases::FIXED)?;
    let span = Span::all_memory(&another, facts.nr_pages()); //~ TWIN
    let span = Span::all_memory(&authority, facts.nr_pages()); //~ FAIL E0382
    Ok((tables, span))
}
