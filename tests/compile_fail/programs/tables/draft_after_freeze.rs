//! A draft is gone once it is frozen.
//!
//! On Xen: the frame's last writable mapping is gone by then, so the store faults. With it, Xen would check one table
//! and the processor walk another.

//@ inside mmu

use mmu::{MmuError, Machine, LiveTables, paging::{batch::Batch, entry::Entry, level::L1, table::{Draft, Frozen, Table}}};
use start_info::Index;

pub fn store_late(
    machine: &mut impl Machine,
    batch: &mut Batch,
    view: &LiveTables,
    leaf: Entry<L1>,
    mut first: Table<L1, Draft>,
    mut second: Table<L1, Draft>,
) -> Result<Table<L1, Frozen>, MmuError> {
    first.put(machine, Index::FIRST, leaf);
    let frozen = first.freeze(machine, batch, view)?;
    second.put(machine, Index::FIRST, leaf); //~ TWIN
    first.put(machine, Index::FIRST, leaf); //~ FAIL E0382
    Ok(frozen)
}
