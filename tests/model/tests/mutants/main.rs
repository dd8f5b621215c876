//! What only a deliberate break of the boot code showed to be untested (docs/testing.md, "Mutations").
//!
//! *What is not prevented*: a flush at the wrong place. A model that remembers stale translations notices a missing flush by the
//! next store; text that is sealed is not stored to again, so here the order of hypercalls is looked at.

#![expect(clippy::unwrap_used, reason = "helpers of tests end the test")]

use mmu::{Access, ModulePart};
use p2m::Frame;
use start_info::PageCount;
use xen_guest::Platform;
use xen_model::{Booted, Call, Guest, Machine};

/// `MMUEXT_TLB_FLUSH_LOCAL` and `MMUEXT_TLB_FLUSH_ALL` (public/xen.h).
const FLUSHES: [u32; 2] = [6, 10];

fn booted() -> Booted {
    Guest::new(64 * 256).build().unwrap().boot().unwrap()
}

/// Tells whether the last change of table entries by `mmu_update` was followed by a flush.
fn flushed(machine: &Machine) -> bool {
    let calls: Vec<Call> = machine.trace().iter().map(|traced| traced.call).collect();
    let last = calls.iter().rposition(|call| matches!(call, Call::Update { .. })).unwrap();
    let is_flush = |call: &Call| matches!(call, Call::Extended { first, .. } if FLUSHES.contains(&first.0));
    calls[last..].iter().any(is_flush)
}

/// A translation that was not flushed would still let a module's text be written.
#[test]
fn the_pages_of_a_module_are_flushed_when_they_are_sealed() {
    let mut running = booted().running;
    let frames: Vec<Frame> = (0..3).map(|_| running.take_frame().unwrap()).collect();
    let (machine, running) = running.parts_mut();
    let reservation = running.window.reserve(PageCount::new(3), 4096).unwrap();
    let parts = [ModulePart { frames, access: Access::Execute }];
    let _module = running.window.map(machine, &mut running.map, &running.p2m, reservation, parts).unwrap();
    assert!(flushed(machine), "{}", machine.trace());
}

/// The boot logs, and on the host a logger writes nowhere: a console that was left behind would show only on Xen.
#[test]
fn the_console_still_stands_after_the_boot() {
    booted().machine_mut().write_console("still here");
}
