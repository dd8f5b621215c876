//! Only an L1 table maps pages.
//!
//! On Xen: an upper entry leads to a page only if the page passes as a table, or with the page size bit, which a PV
//! guest may not set.

//@ inside mmu

use mmu::{Machine, paging::{entry::Entry, level::{L1, L2}, table::{Draft, Table}}};
use start_info::Index;

pub fn map(
    machine: &mut impl Machine,
    l1: &mut Table<L1, Draft>,
    l2: &mut Table<L2, Draft>,
    leaf: Entry<L1>,
) {
    l1.put(machine, Index::FIRST, leaf); //~ TWIN
    l2.put(machine, Index::FIRST, leaf); //~ FAIL E0308
}
