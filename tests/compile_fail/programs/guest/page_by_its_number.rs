//! A page is given back by its owner, not by its number.
//!
//! On Xen: the page's holder writes it while it is handed out to another owner.

use p2m::Frame;
use start_info::Pfn;
use xen_guest::{Guest, Platform};

pub fn give<P: Platform>(guest: &mut Guest<P>, frame: Frame, pfn: Pfn) -> Pfn {
    guest.give_frame(frame); //~ TWIN
    guest.give_frame(pfn); //~ FAIL E0308
    pfn
}
