//! A page is not given up while a writable leaf for it is about.
//!
//! On Xen: the leaf maps the page writable after it has a new owner. If that is a table, Xen refuses the entry; if it
//! is anything else, nobody does, and two owners write one page.

//@ inside mmu

use mmu::{Machine, paging::{leaf::Leaf, level::L1, table::{Draft, Table}}};
use p2m::{Data, Frame};
use start_info::Index;

pub fn map_and_free(
    machine: &mut impl Machine,
    l1: &mut Table<L1, Draft>,
    mut data: Frame<Data>,
    another: Frame<Data>,
) -> Option<Frame> {
    let leaf = Leaf::writable(&mut data);
    let free = another.into_free(); //~ TWIN
    let free = data.into_free(); //~ FAIL E0505
    l1.put(machine, Index::FIRST, leaf.entry());
    free.ok()
}
