//! Memory that may be mapped writable cannot become a table.
//!
//! On Xen: a writable mapping somewhere keeps the frame's type at "writable", and hooking it as a table is refused.

//@ inside mmu

use mmu::{Machine, paging::{level::L1, table::{Draft, Table}}};
use p2m::{Data, Frame};

pub fn table_of(machine: &mut impl Machine, frame: Frame, data: Frame<Data>) -> Table<L1, Draft> {
    Table::empty(frame, machine) //~ TWIN
    Table::empty(data, machine) //~ FAIL E0308
}
