//! What a payload does with a booted guest: devices, further address spaces, modules, entries of the P2M.
//!
//! *What must hold*: what is asked for is there, or is refused with one line and the numbers in it; what is given back is gone. Each deed
//! takes the hypercalls it must, so that no flush is dropped.
//!
//! *What is not here*: each hypercall and frame of a deed refused in turn (`faults`); deeds in every order (`search`).
//!
//! *What is not prevented*: a flush at the wrong place. A model that remembers stale translations notices a missing flush by the
//! next store; text that is sealed is not stored to again, so the order of hypercalls is looked at (`flushes.rs`).

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/after.rs"]
mod after;
mod devices;
mod flushes;
#[path = "../common/host.rs"]
mod host;
mod limits;
mod lines;
mod machine_memory;
mod modules;
mod noted;
mod owned;
mod spaces;
mod tour;
#[path = "../common/used.rs"]
#[expect(dead_code, reason = "ramdisks and modules by hand are for boots")]
mod used;

use xen_model::{Booted, GuestConfig};

/// Pages of the model's dom0 that are no memory: the frames below the guest's are other domains' but for those of the map.
pub(crate) const HOLE: (u64, u64) = (0xa0, 0x100);

/// A dom0 with that hole.
pub(crate) fn dom0(pages: u64) -> GuestConfig {
    host::dom0_beside(pages, pages + 0x1000, HOLE)
}

fn booted() -> Booted {
    GuestConfig::new(64 * 256).build().unwrap().boot().unwrap()
}
