//! Nothing is mapped outside the known regions, and foreign frames only in the fixmap and where device memory is.
//!
//! *What must hold*: a frame the P2M does not name is shared_info, a device's, Xen's or another domain's. The boot
//! layer maps those in the fixmap, and a payload as device memory. A page of the guest's own does not belong there.

use crate::{Finding, WalkedLeaf, WalkedRegion, report::Findings};

pub(crate) fn check(leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
    let is_foreign = leaf.pfn.is_none();
    if region.is_forbidden() || region == WalkedRegion::Devices && !is_foreign {
        found.push(Finding::Unexpected { leaf: *leaf, region });
    }
    if is_foreign && !matches!(region, WalkedRegion::Fixmap | WalkedRegion::Devices) {
        found.push(Finding::ForeignFrame { leaf: *leaf, region });
    }
}
