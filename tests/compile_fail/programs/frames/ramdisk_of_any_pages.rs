//! The bytes of the ramdisk are those of the pages that are kept for it.
//!
//! On Xen: the bytes are lent for ever. Pages that a caller names may be given out, and change under who reads them.

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
