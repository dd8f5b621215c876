//! Only a frame that was made data is mapped writable.
//!
//! On Xen: a free frame may become a table next. Hooking that is refused while the mapping is there, and nothing would
//! say who made it.

//@ inside mmu

use mmu::paging::leaf::Leaf;
use p2m::{Data, Frame};

pub fn leaf<'f>(free: &'f mut Frame, data: &'f mut Frame<Data>) -> Leaf<'f> {
    Leaf::writable(data) //~ TWIN
    Leaf::writable(free) //~ FAIL E0308
}
