//! There is no fixmap before the layout is settled.
//!
//! On Xen: a region reserved later may take the slot's address, and shared_info is unmapped while it is read. Source
//! document 1 gives the order.

use mmu::{Fixmap, LayoutPlan, Layout};

pub fn open<'l>(plan: &'l LayoutPlan, settled: &'l Layout) -> Fixmap<'l> {
    Fixmap::new(settled) //~ TWIN
    Fixmap::new(plan) //~ FAIL E0308
}
