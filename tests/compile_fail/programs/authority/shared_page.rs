//! Only code with the authority names a page shared with another domain.
//!
//! On Xen: the other domain's ring is laid over a page with an owner, and the console's text replaces the page's data.

use mmu::DirectMap;
use p2m::SharedPage;
use start_info::Pfn;

pub fn ring(map: &DirectMap, pfn: Pfn) -> Option<SharedPage> {
    map.shared_page(pfn) //~ TWIN
    map.view().direct().shared_page(pfn) //~ FAIL E0061
}
