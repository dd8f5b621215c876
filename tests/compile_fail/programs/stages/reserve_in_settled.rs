//! A boot whose layout is settled reserves nothing more.
//!
//! On Xen: as in `layout/reserve_after_settle`.

use mmu::{Error, Region};
use xen_guest::stage::{Arranged, Settled};

pub fn reserve(arranged: &mut Arranged, settled: &mut Settled, region: Region) -> Result<(), Error> {
    arranged.reserve(region) //~ TWIN
    settled.reserve(region) //~ FAIL E0599
}
