//! The P2M names every page of the domain, and each once.
//!
//! *What must hold*: the tool sizes its table by Xen's own count of the domain's pages, so padding in it is a page the
//! guest lost or that the tool could not map under the number the P2M gives.

use crate::{CoreFile, Finding, report::Findings};

pub(crate) fn check(core: &CoreFile, found: &mut Findings) {
    if core.padding() != 0 {
        found.push(Finding::UnlistedPages { pages: core.padding() });
    }
    for (first, second) in core.duplicates() {
        found.push(Finding::DuplicateFrame { mfn: first.mfn, pfns: [first.pfn, second.pfn] });
    }
}
