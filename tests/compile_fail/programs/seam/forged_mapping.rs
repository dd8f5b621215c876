//! Only `mmu` can request a change of a mapping by address.
//!
//! On Xen: any address of the guest's is changed as asked, even the one this function runs at.

use mmu::{Errno, Hypervisor, VaUpdate};
use x86_64::VirtAddr;

pub fn ask(hypervisor: &mut impl Hypervisor, address: VirtAddr, made_by_mmu: VaUpdate) -> Result<(), Errno> {
    let update = made_by_mmu; //~ TWIN
    let update = VaUpdate { address, value: 0 }; //~ FAIL E0451
    hypervisor.update_va_mapping(update)
}
