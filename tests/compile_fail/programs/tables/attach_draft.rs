//! Only a frozen table is hooked under a live one.
//!
//! On Xen: the update is refused, because the frame is still mapped writable. The batch stays half done: the updates
//! before this one were carried out.

//@ inside mmu

use mmu::{MmuError, Machine, paging::{batch::Batch, level::{L1, L2}, table::{Draft, Frozen, Live, Table}}};
use start_info::Index;

pub fn hook(
    machine: &mut impl Machine,
    batch: &mut Batch,
    parent: &mut Table<L2, Live>,
    frozen: Table<L1, Frozen>,
    draft: Table<L1, Draft>,
) -> Result<Table<L1, Live>, MmuError> {
    parent.attach(machine, batch, Index::FIRST, frozen) //~ TWIN
    parent.attach(machine, batch, Index::FIRST, draft) //~ FAIL E0308
}
