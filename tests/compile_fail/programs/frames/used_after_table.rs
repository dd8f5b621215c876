//! A frame that became a table is no longer a frame.
//!
//! On Xen: the page would be a table and writable memory at once, which is what Xen's frame types exist to prevent. Xen
//! refuses the second role.

//@ inside mmu

use mmu::{Machine, paging::{level::L1, table::{Draft, Table}}};
use p2m::{Data, Frame};

pub fn both(machine: &mut impl Machine, frame: Frame, another: Frame) -> (Table<L1, Draft>, Frame<Data>) {
    let table = Table::<L1, Draft>::empty(frame, machine);
    let data = another.into_data(); //~ TWIN
    let data = frame.into_data(); //~ FAIL E0382
    (table, data)
}
