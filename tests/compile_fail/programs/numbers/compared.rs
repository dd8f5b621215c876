//! Numbers of two kinds cannot be compared.
//!
//! On Xen: in dom0 on a small machine they are often equal, so a check that compares them passes where it was written
//! and fails elsewhere.

use start_info::{Mfn, Pfn};

pub fn same(pfn: Pfn, mfn: Mfn) -> bool {
    pfn.get() == mfn.get() //~ TWIN
    pfn == mfn //~ FAIL E0308
}
