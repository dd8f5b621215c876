//! Writing to a device takes its pages for oneself.
//!
//! On Xen: two parts of a kernel program one device at a time.

use mmu::{IoPages, MmuError};
use xen_guest::{Guest, Platform};

pub fn write<P: Platform>(guest: &mut Guest<P>, pages: &mut IoPages) -> Result<(), MmuError> {
    guest.write_device(pages, 0, 1_u32) //~ TWIN
    guest.write_device(&*pages, 0, 1_u32) //~ FAIL E0308
}
