//! No entry leads to a draft.
//!
//! On Xen: hooking the parent makes Xen type the child as a table. That is refused while the child's frame is mapped
//! writable, which a draft's is.

use mmu::{Draft, Entry, Frozen, L1, L2, Table};

pub fn entry_of(frozen: &Table<L1, Frozen>, draft: &Table<L1, Draft>) -> Entry<L2> {
    Entry::link(frozen) //~ TWIN
    Entry::link(draft) //~ FAIL E0277
}
