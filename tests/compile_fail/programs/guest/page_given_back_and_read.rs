//! A frame that was given back cannot be read through the guest.
//!
//! On Xen: it may be a page table by now, or the page of a module.

use p2m::Frame;
use start_info::Index;
use xen_guest::{Guest, Platform};

pub fn read<P: Platform>(guest: &mut Guest<P>, frame: Frame, kept: Frame) -> u64 {
    guest.give_frame(frame);
    guest.read(&kept, Index::FIRST) //~ TWIN
    guest.read(&frame, Index::FIRST) //~ FAIL E0382
}
