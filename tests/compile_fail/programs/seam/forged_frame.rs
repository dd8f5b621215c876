//! A frame comes from the allocator, not from its number.
//!
//! On Xen: the page may have an owner already; see `frames/frame_twice`.

use p2m::{Frame, Free};
use start_info::{Mfn, Pfn};
use x86_64::VirtAddr;

pub fn frame(taken: Frame, pfn: Pfn, mfn: Mfn, address: VirtAddr, state: Free) -> Frame {
    taken //~ TWIN
    Frame { pfn, mfn, address, state } //~ FAIL E0451
}
