//! A promise to flush is made by sending updates.
//!
//! On Xen: a promise from nowhere could be spent in place of one that stands for real updates.

//@ inside mmu

use mmu::{MmuError, Machine, paging::{batch::Batch, flush::Unflushed}};

fn send(machine: &mut impl Machine, batch: Batch) -> Result<Unflushed, MmuError> {
    batch.commit(machine) //~ TWIN
    Ok(Unflushed(())) //~ FAIL E0423
}
