//! start_info pages as Xen's two builders and GRUB make them, damaged in every way we thought of.
//!
//! `fixture` builds, `accepted` compares what the parser says with what was built, `refused` damages one field at a
//! time, `random` damages at random, and `invariants` says what holds for every accepted page. `screen` does all of
//! this for the description of the screen.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

mod accepted;
mod fixture;
mod invariants;
mod memory_map;
mod random;
mod refused;
mod refused_list;
mod screen;
