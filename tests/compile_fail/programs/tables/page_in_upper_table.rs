//! Only an L1 table maps pages.
//!
//! On Xen: an upper entry that leads to a page needs that page to pass as a table, or the page size bit, which a PV
//! guest may not set.

use mmu::{Draft, L1, L2, Leaf, Machine, Table};
use start_info::Index;

pub fn map(
    machine: &mut impl Machine,
    l1: &mut Table<L1, Draft>,
    l2: &mut Table<L2, Draft>,
    leaf: &Leaf<'_>,
) {
    l1.map(machine, Index::FIRST, leaf); //~ TWIN
    l2.map(machine, Index::FIRST, leaf); //~ FAIL E0599
}
