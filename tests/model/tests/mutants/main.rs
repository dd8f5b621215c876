//! What only a deliberate break of the boot code showed to be untested (docs/testing.md, "Mutations").
//!
//! *What is not prevented*: a flush at the wrong place. A model that remembers stale translations notices a missing flush by the
//! next store; text that is sealed is not stored to again, so the order of hypercalls is looked at (`flushes.rs`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod builder_end;
mod counts;
mod devices;
mod flushes;
mod limits;
mod lines;
mod modules;
mod published;
mod refused;
mod spaces;

use xen_guest::Platform;
use xen_model::{Booted, Guest};

fn booted() -> Booted {
    Guest::new(64 * 256).build().unwrap().boot().unwrap()
}

/// The boot logs, and on the host a logger writes nowhere: a console that was left behind would show only on Xen.
#[test]
fn the_console_still_stands_after_the_boot() {
    let mut booted = booted();
    booted.machine_mut().write_console("still here");
    let start_info::Console::Ring(ring) = booted.running.facts().console() else {
        panic!("a domU without a ring")
    };
    assert_eq!(booted.machine().console_port(), Some(ring.port));
}
