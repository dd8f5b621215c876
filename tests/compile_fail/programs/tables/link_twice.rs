//! A linked table belongs to one parent.
//!
//! On Xen: a second entry maps the table's pages at two addresses. Detaching one of them leaves the table live, so
//! making it writable is refused.

//@ inside mmu

use mmu::{Machine, paging::{level::{L1, L2}, table::{Draft, Frozen, Table}}};
use start_info::Index;

pub fn link_both(
    machine: &mut impl Machine,
    parent: &mut Table<L2, Draft>,
    child: Table<L1, Frozen>,
    another: Table<L1, Frozen>,
) {
    parent.link(machine, Index::new(0), child);
    parent.link(machine, Index::new(1), another); //~ TWIN
    parent.link(machine, Index::new(1), child); //~ FAIL E0382
}
