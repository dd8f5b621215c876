//! A frozen table has no writer, not even its owner.
//!
//! On Xen: its frame is mapped read-only, so the store faults. A frozen table is thawed first, which Xen allows only
//! when nothing leads to it.

use mmu::{Draft, Frozen, L1, Leaf, Machine, Table};
use start_info::Index;

pub fn store(
    machine: &mut impl Machine,
    draft: &mut Table<L1, Draft>,
    frozen: &mut Table<L1, Frozen>,
    leaf: &Leaf<'_>,
) {
    draft.map(machine, Index::FIRST, leaf); //~ TWIN
    frozen.map(machine, Index::FIRST, leaf); //~ FAIL E0599
}
