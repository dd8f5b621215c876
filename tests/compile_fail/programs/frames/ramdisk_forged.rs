//! Code cannot declare pages to be the ramdisk's.
//!
//! On Xen: as in `frames/ramdisk_of_any_pages`.

use mmu::RamdiskPages;
use p2m::Authority;
use start_info::{BootFacts, PfnRange};

pub fn kept(authority: &Authority, facts: &BootFacts, pfns: PfnRange) -> Option<RamdiskPages> {
    RamdiskPages::of(authority, facts) //~ TWIN
    Some(RamdiskPages { pfns, len: 4096, lent: false }) //~ FAIL E0451
}
