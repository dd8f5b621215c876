//! A page of the fixmap is had by mapping it.
//!
//! On Xen: the slot is empty until then. Who takes an address for shared_info reads and writes it with volatile
//! accesses, which fault.

use mmu::FixmapPage;
use x86_64::VirtAddr;

pub fn page(address: VirtAddr, mapped: FixmapPage) -> FixmapPage {
    mapped //~ TWIN
    FixmapPage(address) //~ FAIL E0423
}
