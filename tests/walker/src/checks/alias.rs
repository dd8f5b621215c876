//! Whether code can be written through the direct map.
//!
//! *What this is*: W^X looks at one address; a frame can still be executable at one and writable at another. The walk
//! notes the executable frames; afterwards their direct-map addresses are looked up.
//!
//! *What is not prevented*: a writable alias elsewhere. Only the direct map has one for every page.

use std::collections::BTreeMap;

use start_info::{Mfn, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{WalkError, WalkedLeaf, report::View, walk};

/// The executable frames, each with its first executable address.
#[derive(Debug, Default)]
pub(crate) struct Code {
    frames: BTreeMap<Mfn, VirtAddr>,
}

impl Code {
    pub(crate) fn note(&mut self, leaf: &WalkedLeaf) {
        if leaf.executable {
            self.frames.entry(leaf.mfn).or_insert(leaf.slot.va);
        }
    }

    pub(crate) fn writable_aliases(
        &self,
        view: &View<'_>,
        root: Mfn,
    ) -> Result<Vec<(WalkedLeaf, VirtAddr)>, WalkError> {
        let mut aliases = Vec::new();
        for (mfn, code) in &self.frames {
            let Some(pfn) = view.core.pfn(*mfn) else { continue };
            let direct_map = view.expected.direct_map.as_u64();
            let va = VirtAddr::new_truncate(direct_map.wrapping_add(pfn.get() * PAGE_SIZE));
            if let Some(leaf) = walk::translate(view.core, root, va)?
                && leaf.writable
            {
                aliases.push((leaf, *code));
            }
        }
        Ok(aliases)
    }
}
