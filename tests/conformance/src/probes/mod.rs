//! The table of probes, by subject.

use crate::probe::Probe;

mod addresses;
mod calls;
mod descriptors;
mod entries;
mod hooks;
mod leaves;
mod others;
mod pins;
mod reservation;
mod roots;
mod trees;
mod updates;

const TABLE: [&[Probe]; 12] = [
    pins::PROBES,
    trees::PROBES,
    hooks::PROBES,
    leaves::PROBES,
    entries::PROBES,
    updates::PROBES,
    addresses::PROBES,
    roots::PROBES,
    others::PROBES,
    descriptors::PROBES,
    calls::PROBES,
    reservation::PROBES,
];

/// Returns all probes.
pub fn all() -> impl Iterator<Item = &'static Probe> {
    TABLE.into_iter().flatten()
}
