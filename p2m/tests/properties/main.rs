//! Properties of the P2M against oracles that are too simple to be wrong.
//!
//! *What this is*: trees over lists of up to 2^27 + 1 pages in a paper memory, which keeps only what was written. A
//! list comes only from a checked start_info, and no guest of fewer than 1024 pages passes that check.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod allocator;
mod audit;
mod facts;
mod gaps;
mod indices;
mod lines;
mod operations;
mod paper;
mod publication;
mod revector;
mod tree;

/// Page counts at which some part of the tree begins or ends.
const COUNTS: [u64; 11] = [
    1024,
    1025,
    1535,
    1536,
    1537,
    (1 << 18) - 1,
    1 << 18,
    (1 << 18) + 1,
    (1 << 27) - 1,
    1 << 27,
    (1 << 27) + 1,
];
