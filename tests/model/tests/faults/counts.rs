//! The place where Xen stopped is counted over all the lists of an action.

use xen_guest::Cause;
use xen_model::{GuestConfig, TracedCall};

use crate::host::dom0_beside;

/// Boots with the `n`-th hypercall stopped after `done` requests.
fn stopped(guest: &GuestConfig, n: u64, done: usize) -> String {
    let mut built = guest.build().unwrap();
    built.machine.cut_at(n, done, mmu::Errno::EBUSY);
    let (_, failure) = built.boot().unwrap_err();
    assert!(matches!(failure.cause(), Cause::Mmu(mmu::MmuError::Refused(_))), "{failure}");
    failure.to_string()
}

/// The calls that renumber and give back are the first of a boot, after the one that asks for the map.
#[test]
fn the_second_list_of_updates_is_counted_on() {
    // 0x123 pages without a mapping of the builder's: one update each.
    let guest = dom0_beside(0x6000, 0x9000, (0x5000, 0x5123));
    let line = stopped(&guest, 3, 5);
    assert_eq!(
        line,
        "memory map: renumbering pages by the memory map: Xen refused operation 261 with EBUSY (-16)"
    );
}

#[test]
fn the_second_list_of_frames_given_back_is_counted_on() {
    let guest = dom0_beside(0x6000, 0x6000, (0x5000, 0x5123));
    // No page was mapped and none gets another number, so there is no update; the flush comes first.
    let mut built = guest.build().unwrap();
    built.machine.refuse_at(4, mmu::Errno::EBUSY);
    let (built, _) = built.boot().unwrap_err();
    let last = built.machine.trace().iter().last().unwrap().call;
    assert!(matches!(last, TracedCall::Memory { count: 35, .. }), "{last:?}");
    let line = stopped(&guest, 4, 5);
    assert!(
        line.starts_with("memory map: giving memory back to Xen: Xen refused operation 261 with "),
        "{line}"
    );
}
