//! Only `mmu` can request a change of an entry.
//!
//! On Xen: Xen checks that the entry is legal, not that it is meant. A made-up number can unmap the kernel's stack or
//! make another owner's page writable, and every `SAFETY` comment that relies on the types is wrong.

use mmu::{Hypervisor, Partial, Update};

pub fn ask(
    hypervisor: &mut impl Hypervisor,
    target: u64,
    value: u64,
    made_by_mmu: Update,
) -> Result<(), Partial> {
    let update = made_by_mmu; //~ TWIN
    let update = Update { target, value }; //~ FAIL E0451
    hypervisor.mmu_update(&[update])
}
