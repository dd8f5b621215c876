//! Only mapping gives a page of the fixmap.
//!
//! On Xen: the slot is empty until then. Volatile accesses to an address taken for shared_info fault.

use mmu::FixmapPage;
use x86_64::VirtAddr;

pub fn page(address: VirtAddr, mapped: FixmapPage) -> FixmapPage {
    mapped //~ TWIN
    FixmapPage(address) //~ FAIL E0423
}
