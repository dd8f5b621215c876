//! A promise to flush can be spent only once.
//!
//! On Xen: the promise of one batch, spent for two, leaves the other's translations unflushed.

//@ inside mmu

use mmu::{MmuError, Machine, paging::flush::Unflushed};

pub fn flush(machine: &mut impl Machine, first: Unflushed, second: Unflushed) -> Result<(), MmuError> {
    first.flush(machine)?;
    second.waive("its entries were empty before"); //~ TWIN
    first.waive("its entries were empty before"); //~ FAIL E0382
    Ok(())
}
