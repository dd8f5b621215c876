//! No region can be reserved once the layout is settled.
//!
//! On Xen: tables were built for the layout by then, and the new region meets one of them.

use mmu::{MmuError, LayoutPlan, Region, Layout};

pub fn reserve_late(mut plan: LayoutPlan, mut next: LayoutPlan, region: Region) -> Result<Layout, MmuError> {
    plan.reserve(region)?;
    next.reserve(region)?;
    let settled = plan.settle();
    next.reserve(region)?; //~ TWIN
    plan.reserve(region)?; //~ FAIL E0382
    Ok(settled)
}
