//! The result of setting an entry must be used.
//!
//! On Xen: the leaf may be a new one. As in `flush/leaf_not_published`, the toolstack goes on reading the old leaf.

#![deny(unused_must_use)]

use mmu::{MmuError, Machine, GrowingFrames};
use p2m::{P2mEntry, NewLeaf, Set, Tree};
use start_info::Pfn;

pub fn set_all<M: Machine>(
    machine: &mut M,
    pool: &mut GrowingFrames<'_, Tree>,
    tree: &mut Tree,
    pages: &[Pfn],
) -> Result<Vec<NewLeaf>, MmuError> {
    let mut done: Vec<Set> = Vec::new();
    for &pfn in pages {
        done.push(tree.set(machine, pool, pfn, P2mEntry::Identity)?); //~ TWIN
        tree.set(machine, pool, pfn, P2mEntry::Identity)?; //~ FAIL unused_must_use
    }
    let new = |set| if let Set::New(leaf) = set { Some(leaf) } else { None };
    Ok(done.into_iter().filter_map(new).collect())
}
