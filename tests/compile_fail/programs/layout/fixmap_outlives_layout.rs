//! The fixmap does not outlive the layout it belongs to.
//!
//! On Xen: a layout made anew may have the slots elsewhere; what is mapped through the old fixmap then lands in the new
//! layout's regions.

use mmu::{MmuError, Fixmap, Hypervisor, Layout};

pub fn close(xen: &mut impl Hypervisor, layout: Layout, other: Layout) -> Result<(), MmuError> {
    let mut fixmap = Fixmap::new(&layout);
    drop(other); //~ TWIN
    drop(layout); //~ FAIL E0505
    fixmap.close(xen)
}
