//! What a payload does with a booted guest: devices, further address spaces, modules, entries of the P2M,
//! events, time.
//!
//! *What must hold*: what is asked for is done, or refused with one line and the numbers in it; what is given back is
//! gone. Each action makes exactly its hypercalls, so no flush is dropped.
//!
//! *What is not here*: each hypercall and frame of an action refused in turn (`faults`); actions in every order
//! (`search`).
//!
//! *What is not prevented*: a flush at the wrong place. The model remembers stale translations, so it notices a missing
//! flush at the next store. Sealed text is not stored to again, so `flushes.rs` checks the order of hypercalls.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/after.rs"]
mod after;
mod console_input;
mod control;
mod devices;
mod events;
mod flushes;
#[path = "../common/host.rs"]
mod host;
mod limits;
mod lines;
mod machine_memory;
mod mapped;
mod modules;
mod noted;
mod owned;
mod spaces;
mod time;
mod tour;
#[path = "../common/used.rs"]
#[expect(dead_code, reason = "ramdisks and modules by hand are for boots")]
mod used;
mod xenstore;
mod xenstore_lies;

use xen_model::{Booted, GuestConfig};

/// Pages of the model's dom0 that are not memory: frames below the guest's are other domains', except those in the map.
pub(crate) const HOLE: (u64, u64) = (0xa0, 0x100);

/// A dom0 with that hole.
pub(crate) fn dom0(pages: u64) -> GuestConfig {
    host::dom0_beside(pages, pages + 0x1000, HOLE)
}

fn booted() -> Booted {
    GuestConfig::new(64 * 256).build().unwrap().boot().unwrap()
}
