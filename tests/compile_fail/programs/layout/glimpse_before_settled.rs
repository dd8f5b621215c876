//! Device memory cannot be mapped temporarily before the layout is settled.
//!
//! On Xen: the fixmap's address may still become another region's, and a page of ACPI mapped there early is in its way.
//! Source document 1 gives the order.

use mmu::{MmuError, Fixmap, TempMapping, LayoutPlan, Machine, LiveTables};
use start_info::Mfn;

pub fn look<M: Machine>(
    machine: &mut M,
    view: &LiveTables,
    plan: LayoutPlan,
    another: LayoutPlan,
    mfn: Mfn,
) -> Result<(), MmuError> {
    let layout = plan.settle();
    let mut fixmap = Fixmap::new(&layout); //~ TWIN
    let mut fixmap = Fixmap::new(&another); //~ FAIL E0308
    let page: TempMapping<'_> = fixmap.map_temporary(machine, view, mfn)?;
    drop((page, another));
    Ok(())
}
