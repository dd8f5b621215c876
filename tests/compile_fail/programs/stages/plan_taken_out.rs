//! The plan of a boot cannot be changed for another.
//!
//! On Xen: the other may have been made for a smaller guest. What was reserved by it lies in the direct map, which
//! grows over it.

use mmu::{LayoutPlan, Region};
use xen_guest::stage::Arranged;

pub fn plan(arranged: &mut Arranged, made_apart: LayoutPlan) -> LayoutPlan {
    made_apart //~ TWIN
    std::mem::replace(&mut arranged.plan, made_apart) //~ FAIL E0616
}
