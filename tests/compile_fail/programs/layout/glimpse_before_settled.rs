//! Device memory is looked at when the layout is settled, and not before.
//!
//! On Xen: the fixmap's address may still become another region's; a page of ACPI's read there early is something else's
//! later. The order is that of source document 1.

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
