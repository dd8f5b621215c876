//! A linear map grows when memory is mapped, or with the authority.
//!
//! On Xen: the span's pages count as mapped, and the allocator writes into the first one: a page fault.

use mmu::{DirectMap, MmuError, Machine};
use p2m::{Span, Translate, Unmapped, LinearMap};

pub fn grow(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    p2m: &impl Translate,
    window: &mut LinearMap,
    span: Span<Unmapped>,
) -> Result<bool, MmuError> {
    map.grow(machine, p2m) //~ TWIN
    Ok(window.extend(span).is_ok()) //~ FAIL E0061
}
