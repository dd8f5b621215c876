//! No stage of the boot is skipped.
//!
//! On Xen: nobody has found where the builder's mapping ends, so the first tables are taken from pages that may not be
//! mapped, and filling them faults.

use xen_guest::{
    Failure, Platform,
    stage::{Arranged, Mapped},
};

pub fn map(platform: &mut impl Platform, arranged: Arranged) -> Result<Mapped, Failure> {
    arranged.settle(platform)?.map_memory(platform) //~ TWIN
    arranged.map_memory(platform) //~ FAIL E0599
}
