//! An entry is put into a table of its own level.
//!
//! On Xen: the entry leads one level too far down, and the table is refused when it is pinned.

use mmu::{Draft, Entry, L2, L3, Machine, Table};
use start_info::Index;

pub fn store(machine: &mut impl Machine, l3: &mut Table<L3, Draft>, of_l2: Entry<L2>, of_l3: Entry<L3>) {
    l3.set(machine, Index::FIRST, of_l3); //~ TWIN
    l3.set(machine, Index::FIRST, of_l2); //~ FAIL E0308
}
