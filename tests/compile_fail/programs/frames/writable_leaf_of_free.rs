//! Only a frame that was made data can be mapped writable.
//!
//! On Xen: a free frame may become a table next. Hooking that is refused while the mapping exists, and nothing would
//! say who made it.

//@ inside mmu

use mmu::paging::{entry::Entry, level::L1};
use p2m::{Data, Frame};
use start_info::Mfn;

fn leaf(free: &mut Frame, data: &mut Frame<Data>, mfn: Mfn) -> Entry<L1> {
    Entry::writable(data, mfn) //~ TWIN
    Entry::writable(free, mfn) //~ FAIL E0308
}
