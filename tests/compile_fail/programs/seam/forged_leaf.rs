//! A page is mapped by who holds its frame, not by who knows its number.
//!
//! On Xen: the frame may be a table, and the mapping is refused; or another owner's memory, and it is not.

use mmu::{Access, Entry, L1, Leaf};
use p2m::Frame;

pub fn leaf(frame: &Frame) {
    let leaf = Leaf::read_only(frame); //~ TWIN
    let leaf = Entry::<L1>::leaf(frame.mfn(), Access::ReadWrite); //~ FAIL E0624
}
