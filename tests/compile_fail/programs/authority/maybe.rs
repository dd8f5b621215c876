//! Who did not get the authority does without.
//!
//! On Xen: in a kernel the boot took it, and a payload that asks gets none. The window it would make maps what the
//! payload says, not what Xen does.

use p2m::{Authority, Window};
use start_info::PageCount;
use x86_64::VirtAddr;

pub fn window(base: VirtAddr, pages: PageCount) -> Option<Window> {
    Authority::take().map(|authority| Window::of_builder(&authority, base, pages)) //~ TWIN
    Some(Window::of_builder(&Authority::take(), base, pages)) //~ FAIL E0308
}
