//! No page is writable and executable, and code is only where code belongs.
//!
//! *What must hold*: the processor allows what all four levels allow, so it is the whole path that counts. The image's pages
//! are held against their segments in `checks::image`.

use crate::{Finding, Leaf, Region, report::Findings};

pub(crate) fn check(leaf: &Leaf, region: Region, found: &mut Findings) {
    if leaf.writable && leaf.executable {
        found.push(Finding::WriteExecute { leaf: *leaf });
    } else if leaf.executable && matches!(region, Region::DirectMap | Region::P2mList | Region::Fixmap) {
        found.push(Finding::Executable { leaf: *leaf, region });
    }
}
