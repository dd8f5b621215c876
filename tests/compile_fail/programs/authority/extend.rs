//! A linear map grows when memory is mapped, or with the authority.
//!
//! On Xen: the span's pages count as mapped, and the allocator writes into the first one: a page fault.

use mmu::{DirectMap, Error, Machine};
use p2m::{Span, Translate, Unmapped, Window};

pub fn grow(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    p2m: &impl Translate,
    window: &mut Window,
    span: Span<Unmapped>,
) -> Result<bool, Error> {
    map.grow(machine, p2m) //~ TWIN
    Ok(window.extend(span).is_ok()) //~ FAIL E0061
}
