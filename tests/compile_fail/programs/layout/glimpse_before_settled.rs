//! Device memory cannot be mapped temporarily before the layout is settled.
//!
//! On Xen: the fixmap's address may still become another region's, and a page of ACPI mapped there early is in its way.
//! Source document 1 gives the order.

use mmu::{Error, Fixmap, TempMapping, LayoutPlan, Machine, View};
use start_info::Mfn;

pub fn look<M: Machine>(
    machine: &mut M,
    view: &View,
    plan: LayoutPlan,
    another: LayoutPlan,
    mfn: Mfn,
) -> Result<(), Error> {
    let layout = plan.settle();
    let mut fixmap = Fixmap::new(&layout); //~ TWIN
    let mut fixmap = Fixmap::new(&another); //~ FAIL E0308
    let page: TempMapping<'_> = fixmap.look(machine, view, mfn)?;
    drop((page, another));
    Ok(())
}
