//! Every page of RAM is in the direct map, at its own address and no other.
//!
//! *What must hold*: PFN *n* is at the direct map's base plus *n* pages. If each address has the P2M's frame and no
//! frame is twice in the P2M, every page is mapped exactly once. A hole in the P2M is a hole in the map.

use start_info::PAGE_SIZE;
use x86_64::VirtAddr;

use crate::{
    Finding, WalkedLeaf, WalkedRegion,
    report::{Findings, View},
};

/// The pages seen so far.
#[derive(Debug)]
pub(crate) struct DirectMap<'v> {
    view: &'v View<'v>,
    seen: Vec<bool>,
}

impl<'v> DirectMap<'v> {
    pub(crate) fn new(view: &'v View<'v>) -> Self {
        Self { view, seen: vec![false; view.core.pages().len()] }
    }

    pub(crate) fn check(&mut self, leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
        if region != WalkedRegion::DirectMap {
            return;
        }
        let core = self.view.core;
        let number = (leaf.slot.va.as_u64() - self.view.expected.direct_map.as_u64()) / PAGE_SIZE;
        let expected = core.mfn(number);
        if expected != Some(leaf.mfn) {
            found.push(Finding::DirectMapWrong { leaf: *leaf, expected });
        }
        // A wrong frame is one finding, not also a missing one.
        if let Some(seen) = core.index(number).and_then(|index| self.seen.get_mut(index)) {
            *seen = true;
        }
    }

    pub(crate) fn finish(self, found: &mut Findings) {
        let base = self.view.expected.direct_map.as_u64();
        for (entry, seen) in self.view.core.pages().iter().zip(self.seen) {
            if !seen {
                let va = VirtAddr::new_truncate(base.wrapping_add(entry.pfn.get() * PAGE_SIZE));
                found.push(Finding::DirectMapMissing { va, pfn: entry.pfn, mfn: entry.mfn });
            }
        }
    }
}
