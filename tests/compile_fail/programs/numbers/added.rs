//! Only a count of pages is added to a frame number.
//!
//! On Xen: the sum of a PFN and an MFN has no meaning; in an entry it is refused or maps a stranger's page.

use start_info::{Mfn, OutOfRange, PageCount, Pfn, PfnRange};

pub fn from(pfn: Pfn, mfn: Mfn, count: PageCount) -> Result<PfnRange, OutOfRange> {
    PfnRange::try_new(pfn, count) //~ TWIN
    PfnRange::try_new(pfn, mfn) //~ FAIL E0308
}
