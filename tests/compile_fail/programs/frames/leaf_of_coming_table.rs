//! A frame takes no other role while a leaf for it is about.
//!
//! On Xen: the leaf would map what is a table by then: for reading here, so a page believed to be data shows table
//! entries.

//@ inside mmu

use mmu::{Machine, paging::{leaf::Leaf, level::{L1, L2}, table::{Draft, Table}}};
use p2m::Frame;
use start_info::Index;

pub fn map_and_retype(
    machine: &mut impl Machine,
    l1: &mut Table<L1, Draft>,
    frame: Frame,
    another: Frame,
) -> Table<L2, Draft> {
    let leaf = Leaf::read_only(&frame);
    let table = Table::<L2, Draft>::empty(another, machine); //~ TWIN
    let table = Table::<L2, Draft>::empty(frame, machine); //~ FAIL E0505
    l1.put(machine, Index::FIRST, leaf.entry());
    table
}
