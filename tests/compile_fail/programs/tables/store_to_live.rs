//! Only Xen changes a live table, on request.
//!
//! On Xen: a live table is mapped read-only, so a plain store faults. Xen may carry out such a store all the same, one
//! entry at a time and slowly; this layer never relies on it.

//@ inside mmu

use mmu::{MmuError, Machine, paging::{batch::Batch, level::{L2, L3}, table::{Frozen, Live, Table}}};
use start_info::Index;

pub fn hook(
    machine: &mut impl Machine,
    batch: &mut Batch,
    parent: &mut Table<L3, Live>,
    child: Table<L2, Frozen>,
) -> Result<(), MmuError> {
    parent.attach(machine, batch, Index::FIRST, child)?; //~ TWIN
    parent.link(machine, Index::FIRST, child); //~ FAIL E0599
    Ok(())
}
