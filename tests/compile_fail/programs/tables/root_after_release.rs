//! The root of the new tables is gone once it is in use.
//!
//! On Xen: the switch is done by then. A second one unpins the tables in use, and gives the builder's pages back once
//! more, to whoever asks next.

use mmu::{DirectMap, Error, L4, Live, Machine, OldList, Released, Table, release};
use p2m::Tree;
use start_info::BootFacts;

pub fn switch(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    tree: &Tree,
    facts: &BootFacts,
    root: Table<L4, Live>,
    another: Table<L4, Live>,
) -> Result<(Released, Table<L4, Live>), Error> {
    let released = release(machine, map, tree, facts, root, OldList::Unused, core::iter::empty())?;
    Ok((released, another)) //~ TWIN
    Ok((released, root)) //~ FAIL E0382
}
