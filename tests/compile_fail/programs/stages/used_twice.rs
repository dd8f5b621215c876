//! A stage is gone once the next is made.
//!
//! On Xen: a second direct map takes its first tables where those of the first are live: they are mapped read-only, and
//! filling them faults.

use xen_guest::{
    Failure, Platform,
    stage::{Mapped, Settled},
};

pub fn map_both(
    platform: &mut impl Platform,
    settled: Settled,
    another: Settled,
) -> Result<[Mapped; 2], Failure> {
    let mapped = settled.map_memory(platform)?;
    Ok([another.map_memory(platform)?, mapped]) //~ TWIN
    Ok([settled.map_memory(platform)?, mapped]) //~ FAIL E0382
}
