//! An L1 table takes leaves, which borrow their frame, and no bare entries.
//!
//! On Xen: an entry is a value. One that was kept could map a frame writable that has become a table since; Xen refuses
//! the update then, in the middle of something else.

use mmu::{Draft, Entry, L1, Leaf, Machine, Table};
use start_info::Index;

pub fn map(machine: &mut impl Machine, l1: &mut Table<L1, Draft>, leaf: &Leaf<'_>, kept: &Entry<L1>) {
    l1.map(machine, Index::FIRST, leaf); //~ TWIN
    l1.map(machine, Index::FIRST, kept); //~ FAIL E0308
}
