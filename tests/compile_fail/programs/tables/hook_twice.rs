//! A frozen table is hooked in only one place.
//!
//! On Xen: two live entries would lead to it. Detaching one would give it back as frozen, and making it writable then
//! fails: Xen still counts the other.

//@ inside mmu

use mmu::{MmuError, Machine, paging::{batch::Batch, level::{L1, L2}, table::{Frozen, Live, Table}}};
use start_info::Index;

pub fn hook_both(
    machine: &mut impl Machine,
    batch: &mut Batch,
    parent: &mut Table<L2, Live>,
    child: Table<L1, Frozen>,
    another: Table<L1, Frozen>,
) -> Result<(), MmuError> {
    parent.attach(machine, batch, Index::new(0), child)?;
    parent.attach(machine, batch, Index::new(1), another)?; //~ TWIN
    parent.attach(machine, batch, Index::new(1), child)?; //~ FAIL E0382
    Ok(())
}
