//! What becomes of old translations is said for every batch.
//!
//! On Xen: after changes of L1 entries Xen flushes nothing by itself, so a page that was made read-only may be written
//! through the old translation for as long as it lasts: long enough to break a table.

#![deny(unused_must_use)]

//@ inside mmu

use mmu::{MmuError, Machine, paging::batch::Batch};

pub fn send(machine: &mut impl Machine, batch: Batch) -> Result<(), MmuError> {
    batch.commit(machine)?.flush(machine)?; //~ TWIN
    batch.commit(machine)?; //~ FAIL unused_must_use
    Ok(())
}
