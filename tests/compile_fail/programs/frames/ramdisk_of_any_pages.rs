//! The bytes of the ramdisk are those start_info names.
//!
//! On Xen: the bytes are lent for ever. Pages that a caller names may be given out, and change under who reads them.

use p2m::Window;
use start_info::{BootFacts, PfnRange};
use xen_guest::Platform;

pub fn ramdisk(
    platform: &impl Platform,
    window: &Window,
    facts: &BootFacts,
    pages: &PfnRange,
) -> Option<&'static [u8]> {
    platform.ramdisk(window, facts) //~ TWIN
    platform.ramdisk(window, pages) //~ FAIL E0308
}
