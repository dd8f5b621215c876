//! No entry leads to a draft.
//!
//! On Xen: hooking the parent makes Xen type the child as a table. That is refused while the child's frame is mapped
//! writable, which a draft's is.

//@ inside mmu

use mmu::{Machine, paging::{level::{L1, L2}, table::{Draft, Frozen, Table}}};
use start_info::Index;

pub fn link(
    machine: &mut impl Machine,
    parent: &mut Table<L2, Draft>,
    frozen: Table<L1, Frozen>,
    draft: Table<L1, Draft>,
) {
    parent.link(machine, Index::FIRST, frozen); //~ TWIN
    parent.link(machine, Index::FIRST, draft); //~ FAIL E0308
}
