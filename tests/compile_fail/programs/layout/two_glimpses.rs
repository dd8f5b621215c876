//! Only one machine page is mapped temporarily at a time.
//!
//! On Xen: both use the same slot, so the first would read as the second.

use mmu::{MmuError, Fixmap, Machine, LiveTables};
use start_info::{Index, Mfn};

pub fn look<M: Machine>(
    machine: &mut M,
    fixmap: &mut Fixmap<'_>,
    view: &LiveTables,
    mfns: [Mfn; 2],
) -> Result<u64, MmuError> {
    let first = fixmap.map_temporary(machine, view, mfns[0])?;
    let word = first.read(machine, Index::FIRST); //~ TWIN
    let word = fixmap.map_temporary(machine, view, mfns[1])?.read(machine, Index::FIRST); //~ FAIL E0499
    Ok(word + first.read(machine, Index::FIRST))
}
