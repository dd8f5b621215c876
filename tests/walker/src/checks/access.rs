//! No page is writable and executable, and code is only where code belongs.
//!
//! *What must hold*: the processor allows what all four levels allow, so the whole path counts. `checks::image`
//! compares the image's pages with their segments.

use crate::{Finding, WalkedLeaf, WalkedRegion, report::Findings};

pub(crate) fn check(leaf: &WalkedLeaf, region: WalkedRegion, found: &mut Findings) {
    if leaf.writable && leaf.executable {
        found.push(Finding::WriteExecute { leaf: *leaf });
    } else if leaf.executable
        && matches!(
            region,
            WalkedRegion::DirectMap | WalkedRegion::P2mList | WalkedRegion::Fixmap | WalkedRegion::Devices
        )
    {
        found.push(Finding::Executable { leaf: *leaf, region });
    }
}
