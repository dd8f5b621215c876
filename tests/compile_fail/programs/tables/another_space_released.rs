//! The switch is to the space that was built for it, and to no other.
//!
//! On Xen: a space made later is kept in step by its entry in a list. Switched to so, it would be in the list and be the first as well,
//! and what is hooked everywhere would be hooked twice in it.

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
