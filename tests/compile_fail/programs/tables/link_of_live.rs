//! A live table is shared, not owned by a second parent.
//!
//! On Xen: both parents lead to it, each as if it were the only one. When one detaches it and makes it writable, Xen
//! refuses: it still counts the other.

//@ inside mmu

use mmu::{Machine, paging::{level::{L2, L3}, table::{Draft, Live, Table}}};
use start_info::Index;

pub fn lead_to(machine: &mut impl Machine, parent: &mut Table<L3, Draft>, child: Table<L2, Live>) {
    parent.share(machine, Index::FIRST, &child); //~ TWIN
    parent.link(machine, Index::FIRST, child); //~ FAIL E0308
}
