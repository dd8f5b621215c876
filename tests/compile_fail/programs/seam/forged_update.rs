//! A change of an entry can be asked for by `mmu` only.
//!
//! On Xen: Xen checks that the entry is legal, not that it is meant. A number made up here can unmap the kernel's stack
//! or map a page writable that another owner holds, and every `SAFETY` comment that counts on the types is wrong.

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
