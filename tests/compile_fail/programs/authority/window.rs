//! A window of the builder's is described with the authority.
//!
//! On Xen: the frames it names words of are not mapped at its base, and a load from one faults.

use mmu::DirectMap;
use p2m::LinearMap;
use start_info::PageCount;
use x86_64::VirtAddr;

pub fn window(map: &DirectMap, base: VirtAddr, pages: PageCount) -> LinearMap {
    *map.view().direct() //~ TWIN
    LinearMap::of_builder(base, pages) //~ FAIL E0061
}
