//! Free memory is had from the direct map, or with the authority.
//!
//! On Xen: the pages have an owner already. A heap is laid over live tables, where its first store faults, or over
//! another's data, where it does not.

use mmu::{DirectMap, MmuError, Machine};
use p2m::{Mapped, Span, Translate};
use start_info::PfnRange;

pub fn heap(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    p2m: &impl Translate,
    pages: PfnRange,
) -> Result<Span<Mapped>, MmuError> {
    map.take_span(machine, p2m, pages.len()) //~ TWIN
    Ok(map.view().direct().free_span(pages)) //~ FAIL E0061
}
