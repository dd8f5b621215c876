//! Only code with the authority describes the builder's linear map.
//!
//! On Xen: the frames whose words it names are not mapped at its base, and a load from one faults.

use mmu::DirectMap;
use p2m::LinearMap;
use start_info::PageCount;
use x86_64::VirtAddr;

pub fn window(map: &DirectMap, base: VirtAddr, pages: PageCount) -> LinearMap {
    *map.view().direct() //~ TWIN
    LinearMap::of_builder(base, pages) //~ FAIL E0061
}
