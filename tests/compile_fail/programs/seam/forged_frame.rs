//! A frame comes from the allocator, not from its number.
//!
//! On Xen: the page may already have an owner; see `frames/frame_twice`.

use p2m::{Frame, Free};
use start_info::Pfn;
use x86_64::VirtAddr;

pub fn frame(taken: Frame, pfn: Pfn, address: VirtAddr, state: Free) -> Frame {
    taken //~ TWIN
    Frame { pfn, address, state } //~ FAIL E0451
}
