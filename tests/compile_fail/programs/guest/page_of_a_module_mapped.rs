//! Only a page that nothing else maps can be mapped.
//!
//! On Xen: a page that is writable by another mapping becomes executable.

use mmu::{Access, MappedPages, MmuError};
use p2m::{Data, Frame};
use xen_guest::{Guest, Platform};

type Result<T> = core::result::Result<T, (Option<Frame>, MmuError)>;

pub fn map<P: Platform>(guest: &mut Guest<P>, free: Frame, data: Frame<Data>) -> Result<MappedPages<Frame>> {
    let _data = &data;
    guest.map(free, Access::Execute) //~ TWIN
    guest.map(data, Access::Execute) //~ FAIL E0308
}
