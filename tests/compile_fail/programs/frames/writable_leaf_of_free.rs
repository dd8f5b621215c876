//! Only a frame that was made data is mapped writable.
//!
//! On Xen: a free frame may become a table next. Hooking that is refused while the mapping is there, and nothing would
//! say who made it.

//@ inside mmu

use mmu::paging::{entry::Entry, level::L1};
use p2m::{Data, Frame};

fn leaf(free: &mut Frame, data: &mut Frame<Data>) -> Entry<L1> {
    Entry::writable(data) //~ TWIN
    Entry::writable(free) //~ FAIL E0308
}
