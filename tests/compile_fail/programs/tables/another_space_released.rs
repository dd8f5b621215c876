//! The switch is only to the space that was built for it.
//!
//! On Xen: a space made later is kept in step by its entry in a list. After such a switch it would be both in the list
//! and the first space, so everything hooked in all spaces would be hooked in it twice.

use mmu::{AddressSpace, DirectMap, MmuError, Machine, NewSpace, BuilderP2m, Released, release};
use p2m::Tree;
use start_info::BootFacts;

pub fn switch(
    machine: &mut impl Machine,
    map: &mut DirectMap,
    tree: &Tree,
    facts: &BootFacts,
    built: NewSpace,
    further: AddressSpace,
) -> Result<Released, MmuError> {
    release(machine, map, tree, facts, built, BuilderP2m::Copied, core::iter::empty()) //~ TWIN
    release(machine, map, tree, facts, further, BuilderP2m::Copied, core::iter::empty()) //~ FAIL E0308
}
