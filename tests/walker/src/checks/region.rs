//! Nothing is mapped outside the known regions, and foreign frames only in the fixmap.
//!
//! *What must hold*: a frame the P2M does not name is shared_info, Xen's or another domain's. The boot layer maps those
//! in the fixmap.

use crate::{Finding, WalkedLeaf, WalkedRegion, report::Findings};

pub(crate) fn check(leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
    if region.is_forbidden() {
        found.push(Finding::Unexpected { leaf: *leaf, region });
    }
    if leaf.pfn.is_none() && region != WalkedRegion::Fixmap {
        found.push(Finding::ForeignFrame { leaf: *leaf, region });
    }
}
