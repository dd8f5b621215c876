//! Writing to mapped pages takes them for oneself.
//!
//! On Xen: a reader of the same mapping sees half of what is written.

use mmu::{MappedPages, MmuError};
use p2m::Frame;
use xen_guest::{Guest, Platform};

pub fn write<P: Platform>(guest: &mut Guest<P>, pages: &mut MappedPages<Frame>) -> Result<(), MmuError> {
    guest.write_bytes(pages, 0, b"text") //~ TWIN
    guest.write_bytes(&*pages, 0, b"text") //~ FAIL E0308
}
