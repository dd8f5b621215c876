//! The P2M names every page of the domain once.
//!
//! *What must hold*: the tool sizes its table by Xen's own count of the domain's pages, so padding is a page that the
//! guest lost, or that the tool could not map under its P2M number.

use crate::{CoreFile, Finding, report::Findings};

pub(crate) fn check(core: &CoreFile, found: &mut Findings) {
    if core.padding() != 0 {
        found.push(Finding::UnlistedPages { pages: core.padding() });
    }
    for (first, second) in core.duplicates() {
        found.push(Finding::DuplicateFrame { mfn: first.mfn, pfns: [first.pfn, second.pfn] });
    }
}
