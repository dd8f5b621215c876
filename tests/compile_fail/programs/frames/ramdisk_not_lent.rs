//! Only lending the ramdisk gives its bytes, and lending is noted.
//!
//! On Xen: the bytes are lent for good. A ramdisk not noted as lent may be moved, and its old pages handed out while
//! somebody reads them.

use mmu::DirectMap;
use p2m::LinearMap;
use xen_guest::Platform;

pub fn bytes(platform: &impl Platform, window: &LinearMap, map: &mut DirectMap) -> Option<&'static [u8]> {
    platform.ramdisk(window, map.lend_ramdisk()?) //~ TWIN
    platform.ramdisk(window, map.ramdisk_pfns()?) //~ FAIL E0308
}
