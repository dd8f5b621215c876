//! Nothing is mapped outside the known regions, and other people's frames only in the fixmap.
//!
//! *What must hold*: a frame the P2M does not name is shared_info, Xen's or another domain's. The fixmap is where the boot layer
//! reaches those.

use crate::{Finding, WalkedLeaf, WalkedRegion, report::Findings};

pub(crate) fn check(leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
    if region.is_forbidden() {
        found.push(Finding::Unexpected { leaf: *leaf, region });
    }
    if leaf.pfn.is_none() && region != WalkedRegion::Fixmap {
        found.push(Finding::ForeignFrame { leaf: *leaf, region });
    }
}
