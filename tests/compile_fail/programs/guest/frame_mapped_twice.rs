//! A frame has one mapping besides the direct map.
//!
//! On Xen: one mapping makes it executable, the other keeps it writable.

use mmu::{Access, MappedPages, MmuError};
use p2m::Frame;
use xen_guest::{Guest, Platform};

type Result<T> = core::result::Result<T, (Option<Frame>, MmuError)>;

pub fn map<P: Platform>(guest: &mut Guest<P>, frame: Frame, other: Frame) -> Result<[MappedPages<Frame>; 2]> {
    let one = guest.map(frame, Access::Execute)?;
    let two = guest.map(other, Access::ReadWrite)?; //~ TWIN
    let two = guest.map(frame, Access::ReadWrite)?; //~ FAIL E0382
    Ok([one, two])
}
