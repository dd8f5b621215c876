//! The direct map keeps the authority to itself.
//!
//! On Xen: every payload has the direct map. With the authority it would own everybody's frames; see
//! `authority/copied`.

use mmu::DirectMap;
use p2m::SharedPage;
use start_info::Pfn;

pub fn ring(map: &DirectMap, pfn: Pfn) -> Option<SharedPage> {
    map.shared_page(pfn) //~ TWIN
    map.view().direct().shared_page(map.view().authority(), pfn) //~ FAIL E0624
}
