//! Frame numbers are added to with a check, not with `+`.
//!
//! On Xen: a sum of 2^40 or more does not fit the address bits of an entry; the rest of it would be flags.

use start_info::{PageCount, Pfn};

pub fn next(pfn: Pfn, count: PageCount) -> Option<Pfn> {
    pfn.checked_add(count) //~ TWIN
    Some(pfn + count) //~ FAIL E0369
}
