//! An entry leads to a table of the next level down.
//!
//! On Xen: the L1 table would be checked as an L2, and each page it maps as a table. Xen refuses that; a processor
//! without Xen would walk data as page tables.

//@ inside mmu

use mmu::{Machine, paging::{level::{L1, L2, L3}, table::{Draft, Frozen, Table}}};
use start_info::Index;

pub fn link(
    machine: &mut impl Machine,
    l3: &mut Table<L3, Draft>,
    l2: Table<L2, Frozen>,
    l1: Table<L1, Frozen>,
) {
    l3.link(machine, Index::FIRST, l2); //~ TWIN
    l3.link(machine, Index::FIRST, l1); //~ FAIL E0308
}
