//! A batch must not be dropped unsent.
//!
//! On Xen: its updates are never sent. Tables that should be read-only stay writable, and the next hook is refused.

#![deny(unused_must_use)]

//@ inside mmu

use mmu::{MmuError, Machine, LiveTables, paging::{batch::Batch, level::L1, table::{Draft, Table}}};

pub fn send(
    machine: &mut impl Machine,
    view: &LiveTables,
    batch: Batch,
    table: Table<L1, Draft>,
) -> Result<(), MmuError> {
    frozen_by(machine, view, batch, table)?.commit(machine)?.flush(machine)?; //~ TWIN
    frozen_by(machine, view, batch, table)?; //~ FAIL unused_must_use
    Ok(())
}

fn frozen_by(
    machine: &mut impl Machine,
    view: &LiveTables,
    mut batch: Batch,
    table: Table<L1, Draft>,
) -> Result<Batch, MmuError> {
    table.freeze(machine, &mut batch, view)?;
    Ok(batch)
}
