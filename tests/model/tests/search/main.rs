//! A machine that looks for what nobody thought of.
//!
//! *What this is*: every sequence of a few calls that a payload can make, with every handle it holds and every number it saw,
//! on small guests; and long sequences at random. After every call the whole machine is looked at (`invariant.rs`), with a ledger
//! of every page's owner (`ledger.rs`).
//!
//! `SEARCH_DEPTH=6 SEARCH_SEED=7 SEARCH_ROUNDS=100000 cargo test -p xen-model --test search` searches deeper, and wanders
//! elsewhere and longer. A failure names the shortest sequence that was found to go wrong.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod action;
mod guests;
mod invariant;
mod ledger;
#[path = "../faults/object.rs"]
mod object;
mod payload;
#[path = "../fuzz/random.rs"]
#[allow(dead_code, reason = "not all tests that share this file use all of it")]
mod random;
mod search;
mod subject;

use std::env;
use std::time::Instant;

use guests::Shape;
use search::{Finding, Search};

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| text.parse().unwrap())
}

fn report(name: &str, search: &mut Search, started: Instant, result: Result<(), Finding>) {
    println!("{name}: {:?} in {:.1} s", search.count, started.elapsed().as_secs_f64());
    if let Err(finding) = result {
        println!("found: {finding}");
        panic!("{name}: {}", search.shrunk(finding));
    }
}

fn exhaust(name: &str, shape: Shape, depth: u64) {
    let depth = number("SEARCH_DEPTH", depth) as usize;
    let started = Instant::now();
    let mut search = Search::of(shape, true);
    let result = search.exhaust(depth);
    report(&format!("{name}, {depth} calls"), &mut search, started, result);
}

#[test]
fn no_sequence_of_five_calls_breaks_a_small_guest() {
    exhaust("small", guests::small(), 3);
}

#[test]
fn no_sequence_of_three_calls_breaks_a_guest_that_grows() {
    exhaust("growing", guests::growing(), 2);
}
