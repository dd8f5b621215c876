//! A frame that is mapped once more cannot be written by its old name.
//!
//! On Xen: it may be executable by now, and a store through the direct map faults, or changes code.

use mmu::{Access, MappedPages, MmuError};
use p2m::Frame;
use start_info::Index;
use xen_guest::{Guest, Platform};

type Result<T> = core::result::Result<T, (Option<Frame>, MmuError)>;

pub fn map<P: Platform>(guest: &mut Guest<P>, frame: Frame, mut other: Frame) -> Result<MappedPages<Frame>> {
    let mut frame = frame;
    let pages = guest.map(frame, Access::Execute)?;
    guest.write(&mut other, Index::FIRST, 1); //~ TWIN
    guest.write(&mut frame, Index::FIRST, 1); //~ FAIL E0382
    Ok(pages)
}
