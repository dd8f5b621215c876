//! The protection of pages that were unmapped cannot change.
//!
//! On Xen: the frames are the owner's again, or somebody else's; what is mapped at the addresses next changes instead.

use mmu::{Access, MappedPages, MmuError};
use p2m::Frame;
use xen_guest::{Guest, Platform};

pub fn protect<P: Platform>(
    guest: &mut Guest<P>,
    pages: MappedPages<Frame>,
    mut others: MappedPages<Frame>,
) -> Result<(), MmuError> {
    let mut pages = pages;
    let _frame = guest.unmap(pages);
    guest.protect(&mut others, Access::Execute) //~ TWIN
    guest.protect(&mut pages, Access::Execute) //~ FAIL E0382
}
