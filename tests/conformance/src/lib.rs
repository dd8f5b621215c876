//! One table of probes of Xen's rules for page tables, frames and calls, for two subjects: the model, and real Xen.
//!
//! *What this is*: a [`Probe`] is a few operations on spare frames of a booted guest and the transcript they must give.
//! The guest `tests/guests/probe` runs all of them on real Xen, this crate's tests on the model, and the program
//! `conformance` compares the guest's log with the model.
//!
//! *What must hold*: a transcript holds nothing that differs from boot to boot, such as a machine frame number. Every
//! probe leaves the spare frames as it found them, so their order does not matter. Only spare frames are changed, and
//! in live tables only the entries that map them. Frames that a probe takes from Xen are given back.
//!
//! *What is not noticed*: the same mistake in the table, the model and Xen.

#![cfg_attr(target_os = "none", no_std)]

mod bench;
mod exchange;
#[cfg(not(target_os = "none"))]
pub mod model;
mod probe;
mod probes;
mod request;
mod requests;
mod reserve;
mod segments;
mod subject;
mod transcript;

pub use bench::{Bench, PAGES};
pub use exchange::Exchange;
pub use probe::{Expected, Probe, ProbedBuild, ProbedDomain, ProbedRelease, ProbedXen, run_all};
pub use probes::all;
pub use request::{Change, ExtendedOperation, Flush, Request};
pub use requests::{Descriptor, Extents, Part, RequestedTable, Step};
pub use subject::{ALL_ONES, BEYOND, Call, ProbeAnswer, Special, Subject};
pub use transcript::Transcript;
