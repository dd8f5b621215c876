//! A settled layout has no more room.
//!
//! On Xen: as in `layout/reserve_after_settle`.

use mmu::{Error, LayoutPlan, Region, Settled};

pub fn reserve(plan: &mut LayoutPlan, settled: &mut Settled, region: Region) -> Result<(), Error> {
    plan.reserve(region)?; //~ TWIN
    settled.reserve(region)?; //~ FAIL E0599
    Ok(())
}
