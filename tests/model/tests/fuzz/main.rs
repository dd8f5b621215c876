//! Random inputs, as many as asked for.
//!
//! *What this is*: plain drivers on a seeded generator, so that CI runs the same bounded number each time on stable Rust.
//! `FUZZ_ROUNDS=1000000 FUZZ_SEED=7 cargo test -p xen-model --test fuzz` runs more of others. A failure names the seed and
//! the round.
//!
//! *What is not here*: actions on tables through `mmu`'s own types. `Batch::new` is private to `mmu`, so code outside can
//! neither freeze nor attach a table: lists of actions go to the model as raw hypercalls (`tables`), and to the boot layer
//! as what a payload may call (`payload`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../../../../p2m/tests/properties/facts.rs"]
mod facts;
mod p2m_operations;
#[path = "../../../../p2m/tests/properties/paper.rs"]
#[expect(dead_code, reason = "the tests of the P2M use more of their memory of paper")]
mod paper;
mod payload;
mod start_info_bytes;
mod tables;
mod tree_indices;
