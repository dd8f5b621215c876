//! A table that two tables lead to is live.
//!
//! On Xen: a frozen table that is shared still has its handle, which may thaw it. It becomes writable, and the parent
//! that shares it is refused when it is hooked.

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
