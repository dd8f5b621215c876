//! Only sending updates makes a promise to flush.
//!
//! On Xen: a made-up promise could be spent in place of one that stands for real updates.

//@ inside mmu

use mmu::{MmuError, Machine, paging::{batch::Batch, flush::Unflushed}};

fn send(machine: &mut impl Machine, batch: Batch) -> Result<Unflushed, MmuError> {
    batch.commit(machine) //~ TWIN
    Ok(Unflushed(())) //~ FAIL E0423
}
