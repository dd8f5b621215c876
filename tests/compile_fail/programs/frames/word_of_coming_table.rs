//! A word of a frame cannot be written after the frame is given up.
//!
//! On Xen: the store would reach a draft unknown to its owner, or fault once the table is frozen.

//@ inside mmu

use mmu::{Machine, paging::{level::L1, table::{Draft, Table}}};
use p2m::Frame;
use start_info::Index;

pub fn store_late(machine: &mut impl Machine, mut frame: Frame, another: Frame) -> Table<L1, Draft> {
    let word = frame.word_mut(Index::FIRST);
    let table = Table::<L1, Draft>::empty(another, machine); //~ TWIN
    let table = Table::<L1, Draft>::empty(frame, machine); //~ FAIL E0505
    machine.store(word, 1);
    table
}
