//! A draft is gone once it is frozen.
//!
//! On Xen: the frame's last writable mapping is taken away by then, so the store faults; were it still there, Xen would
//! check one table and the processor walk another.

use mmu::{Batch, Draft, Entry, Error, Frozen, L2, Machine, Table, View};
use start_info::Index;

pub fn store_late(
    machine: &mut impl Machine,
    batch: &mut Batch,
    view: &View,
    mut first: Table<L2, Draft>,
    mut second: Table<L2, Draft>,
) -> Result<Table<L2, Frozen>, Error> {
    first.set(machine, Index::FIRST, Entry::EMPTY);
    let frozen = first.freeze(machine, batch, view)?;
    second.set(machine, Index::FIRST, Entry::EMPTY); //~ TWIN
    first.set(machine, Index::FIRST, Entry::EMPTY); //~ FAIL E0382
    Ok(frozen)
}
