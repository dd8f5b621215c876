//! The bytes of the ramdisk are had by lending it, which is noted.
//!
//! On Xen: the bytes stay for ever. A ramdisk that nobody noted as lent may be moved, and its old pages given out under who
//! reads them.

use mmu::DirectMap;
use p2m::LinearMap;
use xen_guest::Platform;

pub fn bytes(platform: &impl Platform, window: &LinearMap, map: &mut DirectMap) -> Option<&'static [u8]> {
    platform.ramdisk(window, map.lend_ramdisk()?) //~ TWIN
    platform.ramdisk(window, map.ramdisk_pfns()?) //~ FAIL E0308
}
