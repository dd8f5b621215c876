//! One machine page is looked at at a time.
//!
//! On Xen: both are shown by the same slot, so the first would read as the second.

use mmu::{Error, Fixmap, IoAccess, Machine, View};
use p2m::Translate;
use start_info::{Index, Mfn};

pub fn look<M: Machine, T: Translate>(
    machine: &mut M,
    fixmap: &mut Fixmap<'_>,
    view: &View,
    p2m: &T,
    mfns: [Mfn; 2],
) -> Result<u64, Error> {
    let first = fixmap.look(machine, view, p2m, mfns[0], IoAccess::Read)?;
    let word = first.read(machine, Index::FIRST); //~ TWIN
    let word = fixmap.look(machine, view, p2m, mfns[1], IoAccess::Read)?.read(machine, Index::FIRST); //~ FAIL E0499
    Ok(word + first.read(machine, Index::FIRST))
}
