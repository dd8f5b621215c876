//! A shared table, too, must be of the next level down.
//!
//! On Xen: as in `tables/skip_a_level`, but later: the L1 table already has a type, and the new root needs another, so
//! pinning the root is refused.

//@ inside mmu

use mmu::{Machine, paging::{level::{L1, L2, L3}, table::{Draft, Live, Table}}};
use start_info::Index;

pub fn share(
    machine: &mut impl Machine,
    l3: &mut Table<L3, Draft>,
    l2: &Table<L2, Live>,
    l1: &Table<L1, Live>,
) {
    l3.share(machine, Index::FIRST, l2); //~ TWIN
    l3.share(machine, Index::FIRST, l1); //~ FAIL E0308
}
