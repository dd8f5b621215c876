//! A frozen table has no writer, not even its owner.
//!
//! On Xen: its frame is mapped read-only, so the store faults. A frozen table is thawed first, which Xen allows only
//! when nothing leads to it.

use mmu::{Draft, Entry, Frozen, L2, Machine, Table};
use start_info::Index;

pub fn clear(machine: &mut impl Machine, draft: &mut Table<L2, Draft>, frozen: &mut Table<L2, Frozen>) {
    draft.set(machine, Index::FIRST, Entry::EMPTY); //~ TWIN
    frozen.set(machine, Index::FIRST, Entry::EMPTY); //~ FAIL E0599
}
