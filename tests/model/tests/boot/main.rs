//! The whole boot on the model, from start_info to a guest that could run a kernel.
//!
//! *What this is*: guests of many shapes built as Xen's builders do, booted by `xen_guest::boot`, then looked at by code
//! that shares nothing with the boot.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod after;
mod devices;
mod domains;
mod faults;
mod hosts;
mod large;
mod maps;
mod modules;
mod rings;
mod shapes;
mod spaces;
mod sparse;
