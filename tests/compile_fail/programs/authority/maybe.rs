//! Code that did not get the authority cannot act with it.
//!
//! On Xen: in a kernel the boot took it, and a payload that asks gets none. The payload's linear map would name what it
//! says, not what Xen has mapped.

use p2m::{Authority, Window};
use start_info::PageCount;
use x86_64::VirtAddr;

pub fn window(base: VirtAddr, pages: PageCount) -> Option<Window> {
    Authority::take().map(|authority| Window::of_builder(&authority, base, pages)) //~ TWIN
    Some(Window::of_builder(&Authority::take(), base, pages)) //~ FAIL E0308
}
