//! Only a live table can be shared by two parents.
//!
//! On Xen: a frozen table still has its handle, which can make it writable again. Hooking the parent that shares it is
//! then refused.

//@ inside mmu

use mmu::{Machine, paging::{level::{L2, L3}, table::{Draft, Frozen, Live, Table}}};
use start_info::Index;

pub fn share(
    machine: &mut impl Machine,
    parent: &mut Table<L3, Draft>,
    live: &Table<L2, Live>,
    frozen: &Table<L2, Frozen>,
) {
    parent.share(machine, Index::FIRST, live); //~ TWIN
    parent.share(machine, Index::FIRST, frozen); //~ FAIL E0308
}
