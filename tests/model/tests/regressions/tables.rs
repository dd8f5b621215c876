//! Entries and pins.

use mmu::Errno;
use xen_model::{GuestConfig, PageType, audit};

use crate::booted::booted;

/// Linux 6.14, 2025: generic code made the top-level table a page of two, and pinning it hit VM_BUG_ON: Xen pins one
/// page and checks all of it.
#[test]
fn pgd_alloc_what_is_pinned_is_one_page_with_nothing_in_it_that_is_not_meant() {
    for guest in [GuestConfig::new(0x2345), GuestConfig::dom0(0x2345).with_notes()] {
        let booted = booted(GuestConfig { image_start: 0x80, ..guest });
        let machine = booted.machine();
        let pinned: Vec<_> =
            audit::tables(machine).filter(|&(mfn, _)| machine.record(mfn).unwrap().is_pinned()).collect();
        assert_eq!(pinned, [(machine.root().unwrap(), 4)], "one page is pinned, and it is the root");
        let filled: Vec<usize> =
            (0..512).filter(|&slot| machine.peek(machine.root().unwrap(), slot) != Some(0)).collect();
        // Xen's own, the direct map, the linear P2M, the kernel.
        assert_eq!(
            filled.into_iter().filter(|slot| !(256..272).contains(slot)).collect::<Vec<_>>(),
            [272, 402, 511]
        );
        for (mfn, level) in audit::tables(machine) {
            let record = machine.record(mfn).unwrap();
            assert_eq!(record.kind(), PageType::Table(level));
            // Hooked once, or pinned and in CR3; and mapped once read-only.
            assert_eq!(record.count(), if level == 4 { 2 } else { 1 }, "{mfn}");
            assert_eq!(record.references(), record.count() + 1, "{mfn}");
        }
    }
    // A page with leftovers cannot be pinned: Xen checks all 512 entries.
    let mut built = GuestConfig::new(0x2345).build().unwrap();
    let (page, at) = (built.machine.built_mfn(5).unwrap(), 5);
    let read_only = page.maddr().get() | 0x8000_0000_0000_0061;
    built.machine.update_address(xen_model::ModelMachine::virt_base() + at * 4096, read_only).unwrap();
    let stopped = built.machine.extended_operations(&[(3, page.get(), 0)]).unwrap_err();
    assert_eq!(stopped.errno, Errno::EINVAL);
}

/// Linux, January 2026: KFENCE protected a page by clearing the present bit and left the frame in the entry. To Xen
/// that is an attack (L1TF), and the guest goes to shadow paging or dies.
#[test]
fn kfence_an_entry_that_maps_nothing_holds_no_frame() {
    let hole = 0x2100..0x2234;
    let mut booted = booted(GuestConfig { image_start: 0x80, holes: vec![hole], ..GuestConfig::new(0x2345) });
    booted.a_module_loads();
    let machine = booted.machine();
    let mut empty = 0;
    for (mfn, level) in audit::tables(machine) {
        for slot in (0..512).filter(|slot| level < 4 || !(256..272).contains(slot)) {
            let word = machine.peek(mfn, slot).unwrap();
            assert!(word & 1 != 0 || word == 0, "slot {slot} of the L{level} table {mfn} is {word:#x}");
            empty += u64::from(word == 0);
        }
    }
    assert!(empty > 0x134);
    // The guard page of the stack is one such page, and Xen would refuse to have it cleared the old way.
    let guard = {
        let image = booted.running.parts().context.image;
        image.map.address(image.guard).as_u64()
    };
    assert!(booted.machine().live_leaf(guard).is_err());
    let frame = booted.machine().built_mfn(booted.running.parts().context.image.guard.get()).unwrap();
    let kfence = frame.maddr().get() | 0x8000_0000_0000_0062;
    assert_eq!(booted.machine_mut().update_address(guard, kfence), Err(Errno::EINVAL));
}
