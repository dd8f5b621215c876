//! The new address space is gone once it is in use.
//!
//! On Xen: the switch is done by then. A second one unpins the tables in use and gives the builder's pages back again,
//! for the next who asks.

use mmu::{NewSpace, DirectMap, MmuError, Machine, BuilderP2m, Released, release};
use p2m::Tree;
use start_info::BootFacts;

pub fn switch(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    tree: &Tree,
    facts: &BootFacts,
    space: NewSpace,
    another: NewSpace,
) -> Result<(Released, NewSpace), MmuError> {
    let released = release(machine, map, tree, facts, space, BuilderP2m::Copied, core::iter::empty())?;
    Ok((released, another)) //~ TWIN
    Ok((released, space)) //~ FAIL E0382
}
