//! Free memory comes from the direct map, or needs the authority.
//!
//! On Xen: the pages already have an owner. A heap laid over live tables faults at its first store; one laid over
//! another's data does not.

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
