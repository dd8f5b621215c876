//! A batch is gone once it is committed.
//!
//! On Xen: an update pushed after the last commit is never sent, and a table that the kernel believes in stays
//! unhooked.

//@ inside mmu

use mmu::{MmuError, Machine, LiveTables, paging::{batch::Batch, level::L1, table::{Draft, Frozen, Table}}};

pub fn freeze_late(
    machine: &mut impl Machine,
    view: &LiveTables,
    mut first: Batch,
    second: &mut Batch,
    table: Table<L1, Draft>,
) -> Result<Table<L1, Frozen>, MmuError> {
    first.commit(machine)?.flush(machine)?;
    table.freeze(machine, second, view) //~ TWIN
    table.freeze(machine, &mut first, view) //~ FAIL E0382
}
