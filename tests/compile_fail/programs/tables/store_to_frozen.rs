//! Nobody can write a frozen table, not even its owner.
//!
//! On Xen: its frame is mapped read-only, so the store faults. It must be made writable first, which Xen allows only
//! when no entry leads to it.

//@ inside mmu

use mmu::{Machine, paging::{entry::Entry, level::L1, table::{Draft, Frozen, Table}}};
use start_info::Index;

pub fn store(
    machine: &mut impl Machine,
    draft: &mut Table<L1, Draft>,
    frozen: &mut Table<L1, Frozen>,
    leaf: Entry<L1>,
) {
    draft.put(machine, Index::FIRST, leaf); //~ TWIN
    frozen.put(machine, Index::FIRST, leaf); //~ FAIL E0599
}
