//! A batch must not be dropped unsent.
//!
//! On Xen: its updates are never sent. Tables that should be read-only stay writable, and the next hook is refused.

#![deny(unused_must_use)]

//@ inside mmu

use mmu::{Error, Machine, View, paging::{batch::Batch, level::L1, table::{Draft, Table}}};

pub fn send(
    machine: &mut impl Machine,
    view: &View,
    batch: Batch,
    table: Table<L1, Draft>,
) -> Result<(), Error> {
    frozen_by(machine, view, batch, table)?.commit(machine)?.flush(machine)?; //~ TWIN
    frozen_by(machine, view, batch, table)?; //~ FAIL unused_must_use
    Ok(())
}

fn frozen_by(
    machine: &mut impl Machine,
    view: &View,
    mut batch: Batch,
    table: Table<L1, Draft>,
) -> Result<Batch, Error> {
    table.freeze(machine, &mut batch, view)?;
    Ok(batch)
}
