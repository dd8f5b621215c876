//! Only one machine page is mapped temporarily at a time.
//!
//! On Xen: both use the same slot, so the first would read as the second.

use mmu::{Error, Fixmap, Machine, View};
use start_info::{Index, Mfn};

pub fn look<M: Machine>(
    machine: &mut M,
    fixmap: &mut Fixmap<'_>,
    view: &View,
    mfns: [Mfn; 2],
) -> Result<u64, Error> {
    let first = fixmap.look(machine, view, mfns[0])?;
    let word = first.read(machine, Index::FIRST); //~ TWIN
    let word = fixmap.look(machine, view, mfns[1])?.read(machine, Index::FIRST); //~ FAIL E0499
    Ok(word + first.read(machine, Index::FIRST))
}
