//! A table cannot be made writable once a parent leads to it.
//!
//! On Xen: the table becomes writable while its parent is not yet hooked, which Xen allows. Hooking the parent is then
//! refused, far from the cause.

//@ inside mmu

use mmu::{Machine, LiveTables, paging::{level::{L1, L2}, table::{Draft, Frozen, Table}}};
use p2m::Frame;
use start_info::Index;

pub fn link_and_thaw(
    machine: &mut impl Machine,
    view: &LiveTables,
    parent: &mut Table<L2, Draft>,
    child: Table<L1, Frozen>,
    another: Table<L1, Frozen>,
) -> Option<Frame> {
    parent.link(machine, Index::FIRST, child);
    another.make_writable(machine, view).ok() //~ TWIN
    child.make_writable(machine, view).ok() //~ FAIL E0382
}
