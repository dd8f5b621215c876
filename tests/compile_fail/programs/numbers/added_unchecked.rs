//! Additions to a frame number are checked, not made with `+`.
//!
//! On Xen: a sum of 2^40 or more does not fit the address bits of an entry; its high bits would become flags.

use start_info::{OutOfRange, PageCount, Pfn, PfnRange};

pub fn end(pfn: Pfn, count: PageCount) -> Result<u64, OutOfRange> {
    PfnRange::try_new(pfn, count).map(|range| range.end().get()) //~ TWIN
    Ok((pfn + count).get()) //~ FAIL E0369
}
