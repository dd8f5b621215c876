//! The whole boot on the model, from start_info to a guest that could run a kernel.
//!
//! *What this is*: guests of many shapes built as Xen's builders do, booted by `xen_guest::boot`, then checked by code
//! that shares nothing with the boot: the owner of each page, what is mapped, published and logged, which hypercalls
//! were made.
//!
//! *What is not here*: what a payload does with its guest (`guest`); boots with refused hypercalls (`faults`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/account.rs"]
mod account;
#[path = "../common/after.rs"]
mod after;
mod bases;
mod builder_end;
mod domains;
mod flushes;
#[path = "../common/guests.rs"]
mod guests;
#[path = "../common/host.rs"]
mod host;
mod hosts;
mod image_holes;
mod large;
mod lines;
mod maps;
mod pages;
mod published;
mod refused;
mod rings;
mod shapes;
mod slide;
mod sparse;
#[path = "../common/used.rs"]
mod used;
