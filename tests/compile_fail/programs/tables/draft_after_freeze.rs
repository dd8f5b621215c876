//! A draft is gone once it is frozen.
//!
//! On Xen: the frame's last writable mapping is taken away by then, so the store faults; were it still there, Xen would
//! check one table and the processor walk another.

use mmu::{Batch, Draft, Error, Frozen, L1, Leaf, Machine, Table, View};
use start_info::Index;

pub fn store_late(
    machine: &mut impl Machine,
    batch: &mut Batch,
    view: &View,
    leaf: &Leaf<'_>,
    mut first: Table<L1, Draft>,
    mut second: Table<L1, Draft>,
) -> Result<Table<L1, Frozen>, Error> {
    first.map(machine, Index::FIRST, leaf);
    let frozen = first.freeze(machine, batch, view)?;
    second.map(machine, Index::FIRST, leaf); //~ TWIN
    first.map(machine, Index::FIRST, leaf); //~ FAIL E0382
    Ok(frozen)
}
