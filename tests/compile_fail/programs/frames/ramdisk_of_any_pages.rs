//! The ramdisk's bytes come only from the pages kept for it.
//!
//! On Xen: the bytes are lent for good. Pages named by a caller may be handed out, and change while somebody reads
//! them.

use mmu::RamdiskPages;
use p2m::LinearMap;
use start_info::PfnRange;
use xen_guest::Platform;

pub fn ramdisk(
    platform: &impl Platform,
    window: &LinearMap,
    kept: &RamdiskPages,
    pages: &PfnRange,
) -> Option<&'static [u8]> {
    platform.ramdisk(window, kept) //~ TWIN
    platform.ramdisk(window, pages) //~ FAIL E0308
}
