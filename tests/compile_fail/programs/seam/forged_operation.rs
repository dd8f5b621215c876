//! Only `mmu` can request an operation on tables or the TLB.
//!
//! On Xen: unpinning the tables in use, or switching to others, is carried out as asked if the frame is of the right
//! type.

use mmu::{ExtOp, Hypervisor, Partial};

pub fn ask(hypervisor: &mut impl Hypervisor, first: u64, made_by_mmu: ExtOp) -> Result<(), Partial> {
    let operation = made_by_mmu; //~ TWIN
    let operation = ExtOp { command: 4, pad: 0, first, second: 0 }; //~ FAIL E0451
    hypervisor.mmuext_op(&[operation])
}
