//! A boot whose layout is settled reserves nothing more.
//!
//! On Xen: as in `layout/reserve_after_settle`.

use mmu::{Error, Region};
use xen_guest::stage::{Settled, Translated};

pub fn reserve(translated: &mut Translated, settled: &mut Settled, region: Region) -> Result<(), Error> {
    translated.reserve(region) //~ TWIN
    settled.reserve(region) //~ FAIL E0599
}
