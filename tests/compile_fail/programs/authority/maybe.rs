//! Code that did not get the authority cannot act with it.
//!
//! On Xen: in a kernel the boot took it, and a payload that asks gets none. The payload's linear map would name what it
//! says, not what Xen has mapped.

use p2m::{Authority, LinearMap};
use start_info::PageCount;
use x86_64::VirtAddr;

pub fn window(base: VirtAddr, pages: PageCount) -> Option<LinearMap> {
    Authority::take().map(|authority| LinearMap::of_builder(&authority, base, pages)) //~ TWIN
    Some(LinearMap::of_builder(&Authority::take(), base, pages)) //~ FAIL E0308
}
