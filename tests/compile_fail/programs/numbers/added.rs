//! What is added to a frame number is a count of pages.
//!
//! On Xen: the sum of a PFN and an MFN is the number of nothing; as an entry it is refused or maps a stranger's page.

use start_info::{Mfn, PageCount, Pfn};

pub fn next(pfn: Pfn, mfn: Mfn, count: PageCount) -> Option<Pfn> {
    pfn.checked_add(count) //~ TWIN
    pfn.checked_add(mfn) //~ FAIL E0308
}
