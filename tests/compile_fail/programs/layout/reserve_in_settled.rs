//! A settled layout has no more room.
//!
//! On Xen: as in `layout/reserve_after_settle`.

use mmu::{MmuError, LayoutPlan, Region, Layout};

pub fn reserve(plan: &mut LayoutPlan, settled: &mut Layout, region: Region) -> Result<(), MmuError> {
    plan.reserve(region)?; //~ TWIN
    settled.reserve(region)?; //~ FAIL E0599
    Ok(())
}
