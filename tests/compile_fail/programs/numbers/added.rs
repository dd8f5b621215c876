//! What is added to a frame number is a count of pages.
//!
//! On Xen: the sum of a PFN and an MFN is the number of nothing; as an entry it is refused or maps a stranger's page.

use start_info::{Mfn, OutOfRange, PageCount, Pfn, PfnRange};

pub fn from(pfn: Pfn, mfn: Mfn, count: PageCount) -> Result<PfnRange, OutOfRange> {
    PfnRange::try_new(pfn, count) //~ TWIN
    PfnRange::try_new(pfn, mfn) //~ FAIL E0308
}
