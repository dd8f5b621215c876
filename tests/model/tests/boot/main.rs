//! The whole boot on the model, from start_info to a guest that could run a kernel.
//!
//! *What this is*: guests of many shapes built as Xen's builders do, booted by `xen_guest::boot`, then looked at by code
//! that shares nothing with the boot: whose each page is, what is mapped and published, what was said, which hypercalls it took.
//!
//! *What is not here*: what a payload does with the guest it got (`guest`); boots that Xen refuses something (`faults`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/account.rs"]
mod account;
#[path = "../common/after.rs"]
mod after;
mod builder_end;
mod domains;
mod flushes;
#[path = "../common/guests.rs"]
mod guests;
#[path = "../common/host.rs"]
mod host;
mod hosts;
mod large;
mod lines;
mod maps;
mod pages;
mod published;
mod refused;
mod rings;
mod shapes;
mod sparse;
#[path = "../common/used.rs"]
mod used;
