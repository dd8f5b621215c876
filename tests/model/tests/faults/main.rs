//! What happens when Xen refuses a call, or no page is free.
//!
//! *What this is*: every hypercall of a boot, and of what a payload does, refused once and cut half-way once; every
//! frame denied once; and a payload that runs on with occasional refusals (`FUZZ_ROUNDS=1000000 FUZZ_SEED=7` for more
//! rounds with another seed). The builder, the audits and the account share no code with the boot layer.
//!
//! *What must hold*: a boot succeeds, or ends with one line that names the stage and the reason; either way Xen's
//! counts are right and no live table can be written. A payload's action leaves everything as it was, or its rest waits
//! and is tried again.
//!
//! *What is not here*: what the layer itself refuses (`boot/refused.rs`, `guest/limits.rs`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/account.rs"]
#[expect(dead_code, reason = "how many pages have an owner is asked of boots that succeed")]
mod account;
mod calls;
mod counts;
mod entries;
mod frames;
mod growth;
#[path = "../common/guests.rs"]
mod guests;
#[path = "../common/host.rs"]
mod host;
mod kept;
mod mapped;
mod modules;
mod payload;
mod subject;
mod tried;
