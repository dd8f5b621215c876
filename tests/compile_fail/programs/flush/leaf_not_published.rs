//! A new leaf of the P2M must be published.
//!
//! On Xen: the toolstack goes on reading the old leaf, and saves or dumps pages the guest does not have.

#![deny(unused_must_use)]

use mmu::{MmuError, Machine, GrowingFrames};
use p2m::{NewLeaf, Publication, Tree, LinearMap};

pub fn identity(
    machine: &mut impl Machine,
    pool: &mut GrowingFrames<'_, Tree>,
    tree: &mut Tree,
    publication: &mut Publication,
    window: &LinearMap,
) -> Result<(), MmuError> {
    let mut unpublished: Vec<NewLeaf> = Vec::new();
    unpublished.push(tree.set_identity_leaf(machine, pool, 7)?); //~ TWIN
    tree.set_identity_leaf(machine, pool, 7)?; //~ FAIL unused_must_use
    for new in unpublished {
        publication.replace(tree, machine, window, &new)?;
    }
    Ok(())
}
