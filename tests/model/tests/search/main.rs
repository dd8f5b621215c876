//! A search for bugs that nobody thought of.
//!
//! *What this is*: every sequence of a few calls that a payload can make, with every handle it holds and every number
//! it saw, on small guests; and long sequences at random. After every call the whole machine is checked
//! (`invariant.rs`), with a ledger of every page's owner (`ledger.rs`).
//!
//! `SEARCH_DEPTH=6 SEARCH_SEED=7 SEARCH_ROUNDS=100000 cargo test -p xen-model --test search` searches deeper, and makes
//! other and more random sequences. A failure names the shortest failing sequence that was found.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod action;
mod contents;
mod damage;
mod deeds;
mod guests;
mod invariant;
mod ledger;
mod payload;
mod search;
mod subject;

use std::time::Instant;

use action::Alphabet;
use guests::Shape;
use kit::random::{Random, asked};
use search::{Finding, Search};

/// Calls in a random sequence.
const LONG: usize = 60;

/// Prints what was done; fails the test with the shortest failing sequence.
fn report(name: &str, search: &mut Search, started: Instant, result: Result<(), Finding>) {
    println!("{name}: {} in {:.1} s", search.count, started.elapsed().as_secs_f64());
    if let Err(finding) = result {
        println!("found: {finding}");
        panic!("{name}: {}", search.shrunk(finding));
    }
}

fn exhaust(name: &str, shape: Shape, alphabet: Alphabet, depth: u64, drains: bool) {
    let depth = asked("SEARCH_DEPTH", depth) as usize;
    let started = Instant::now();
    let mut search = Search::of(shape, alphabet, drains);
    let result = search.exhaust(depth);
    report(&format!("{name}, {depth} calls"), &mut search, started, result);
}

#[test]
fn no_sequence_of_five_calls_breaks_a_guest() {
    exhaust("small", guests::small(), Alphabet::WithoutOwn, 5, true);
}

#[test]
fn no_sequence_of_five_calls_around_pages_mapped_once_more_breaks_a_guest() {
    exhaust("small, own pages", guests::small(), Alphabet::Own, 5, true);
}

#[test]
fn no_sequence_of_three_calls_of_any_kind_breaks_a_guest() {
    exhaust("small, all", guests::small(), Alphabet::All, 3, true);
}

#[test]
fn no_sequence_of_three_calls_breaks_a_guest_whose_pages_were_renumbered() {
    exhaust("renumbered", guests::renumbered(), Alphabet::All, 3, true);
}

/// Taking all frames takes too long with a second chunk.
#[test]
fn no_sequence_of_three_calls_breaks_a_guest_that_grows() {
    exhaust("growing, core", guests::growing(), Alphabet::Core, 3, false);
}

#[test]
fn no_long_sequence_at_random_breaks_a_guest() {
    let (seed, rounds) = (asked("SEARCH_SEED", 1), asked("SEARCH_ROUNDS", 200));
    for (name, shape) in
        [("small", guests::small()), ("renumbered", guests::renumbered()), ("growing", guests::growing())]
    {
        let started = Instant::now();
        let mut search = Search::of(shape, Alphabet::All, true);
        let mut result = Ok(());
        let mut round = 0;
        while result.is_ok() && round < rounds {
            let mut random = Random::of_round(seed, round);
            result = search.wander(LONG, |len| random.index(len));
            round += 1;
        }
        report(&format!("{name}, {round} rounds of seed {seed}"), &mut search, started, result);
    }
}
