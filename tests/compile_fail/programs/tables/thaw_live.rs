//! A live table is detached before it is made writable.
//!
//! On Xen: a writable mapping of a frame that is typed as a table is refused. Otherwise the guest could map any frame
//! of the machine.

//@ inside mmu

use mmu::{Machine, LiveTables, paging::{level::L1, table::{Frozen, Live, Table}}};
use p2m::Frame;

pub fn take_back(
    machine: &mut impl Machine,
    view: &LiveTables,
    detached: Table<L1, Frozen>,
    live: Table<L1, Live>,
) -> Option<Frame> {
    detached.make_writable(machine, view).ok() //~ TWIN
    live.make_writable(machine, view).ok() //~ FAIL E0599
}
