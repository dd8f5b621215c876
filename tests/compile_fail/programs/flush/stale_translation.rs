//! Every batch must say what happens to old translations.
//!
//! On Xen: Xen does not flush after changes of L1 entries, so a page made read-only can still be written through its
//! old translation: long enough to break a table.

#![deny(unused_must_use)]

//@ inside mmu

use mmu::{MmuError, Machine, paging::batch::Batch};

pub fn send(machine: &mut impl Machine, batch: Batch) -> Result<(), MmuError> {
    batch.commit(machine)?.flush(machine)?; //~ TWIN
    batch.commit(machine)?; //~ FAIL unused_must_use
    Ok(())
}
