//! Every rule of the model, both refusing and allowing.
//!
//! *What this is*: raw hypercalls on a guest as the builder left it. No code of `mmu` takes part, so requests can be
//! made that the boot layer cannot even name. `actions.rs` makes random ones and compares them with a second statement
//! of the rules.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

mod actions;
mod audits;
mod calls;
mod descriptors;
mod entries;
mod guest;
mod operations;
mod reservation;
mod start;
mod tables;
