//! A page shared with another domain is named with the authority.
//!
//! On Xen: the other domain's ring is laid over a page with an owner, whose data the console's text replaces.

use mmu::DirectMap;
use p2m::SharedPage;
use start_info::Pfn;

pub fn ring(map: &DirectMap, pfn: Pfn) -> Option<SharedPage> {
    map.shared_page(pfn) //~ TWIN
    map.view().direct().shared_page(pfn) //~ FAIL E0061
}
