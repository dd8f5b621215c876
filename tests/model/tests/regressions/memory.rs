//! Owners of pages: what is given back, what stays in use, how much memory bookkeeping takes.

use std::collections::HashSet;

use xen_model::{GuestConfig, Ramdisk, audit};

use crate::account::{Account, drain};
use crate::booted::booted;

/// Linux 3fc509fc0c59, 2012: the list was reserved and freed up to a multiple of 2 MiB, live page tables after it
/// included. Xen: "Bad type (saw 14.. != exp 70..)".
#[test]
fn bug_3fc509fc_the_list_is_given_back_and_not_a_page_of_what_follows_it() {
    for pages in [0x1fff, 0x2001, 0x2345, 0x3000] {
        for guest in [
            GuestConfig::new(pages),
            GuestConfig::new(pages).with_notes(),
            GuestConfig::dom0(pages),
            GuestConfig::dom0(pages).with_notes(),
        ] {
            let guest = GuestConfig { image_start: 0x80, ..guest }.with_ramdisk(Ramdisk::of(vec![7; 0x1357]));
            let mut booted = booted(guest);
            let places = booted.places.clone();
            let at = booted.running.facts().p2m_list().at.as_u64();
            assert!(
                !(at + places.list_pages * 4096).is_multiple_of(2 << 20),
                "the guest no longer shows the bug"
            );
            let free: HashSet<u64> = drain(&mut booted).into_iter().collect();
            let machine = booted.machine();
            let tables = audit::tables(machine).map(|(mfn, _)| machine.built_pfn(mfn).unwrap().get());
            let live: HashSet<u64> = tables.collect();
            assert_eq!(free.intersection(&live).count(), 0, "a live table was handed out");
            for pfn in places.list.clone() {
                assert!(free.contains(&pfn), "page {pfn:#x} of the list was not given back");
            }
            let rings = [places.xenstore, places.console].into_iter().flatten();
            let kept = places
                .image
                .clone()
                .chain(places.ramdisk.clone().unwrap())
                .chain([places.start_info])
                .chain(rings);
            for pfn in kept {
                assert!(!free.contains(&pfn), "{pfn:#x} is in use and was given back");
            }
            booted.audit();
        }
    }
}

/// Xen-devel, January 2015: dom0 moved pages to match the host's memory map without asking whether they were in use,
/// among them a ramdisk and a P2M of 2 GB. Here pages are not moved; the builder left the hole from 2 to 4 GiB.
#[test]
fn dom0_2015_01_nothing_in_use_is_touched_beside_a_hole_from_2_to_4_gib() {
    let content: Vec<u8> = (0..0x12_3457_u32).map(|i| (i ^ i >> 9) as u8).collect();
    let hole = 0x8_0000..0x10_0000;
    for notes in [false, true] {
        let guest = GuestConfig { holes: vec![hole.clone()], ..GuestConfig::dom0(0x12_0001) };
        let guest = if notes { guest.with_notes() } else { guest };
        let mut booted = booted(guest.with_ramdisk(Ramdisk::of(content.clone())));
        let free = drain(&mut booted);
        assert!(free.iter().all(|pfn| !hole.contains(pfn)));
        let ramdisk = booted.running.ramdisk().unwrap().unwrap();
        assert!(ramdisk.starts_with(&content), "the ramdisk changed");
        let account = Account::of(&booted);
        assert_eq!(account.nobodys(booted.machine(), &free), []);
        booted.every_page_round_trips();
    }
}

/// Qubes #1136 and #8235: a guest with much less memory than it may have spent what it had on bookkeeping for the rest.
/// The share is one L1 entry and one P2M word a page, 1/256, and a few tables; the P2M of absent memory takes nothing.
#[test]
fn qubes_1136_bookkeeping_is_a_256th_of_memory_and_the_p2m_of_absent_memory_is_shared() {
    for pages in [0x2001, 0x1_0000, 0x4_0001] {
        let booted = booted(GuestConfig { image_start: 0x80, ..GuestConfig::new(pages) });
        let account = Account::of(&booted);
        let places = &booted.places;
        let builders = 4 + places.image.end - places.image.start;
        let bookkeeping = account.len() - builders;
        assert!(bookkeeping <= pages / 256 + 40, "{bookkeeping} pages of {pages:#x}");
    }
    // Three quarters of this guest's memory are absent.
    let hole = 0x4000..0x1_0000;
    let with_hole =
        booted(GuestConfig { image_start: 0x80, holes: vec![hole.clone()], ..GuestConfig::new(0x1_0001) });
    let (p2m, machine) = (&with_hole.running.parts().p2m, with_hole.machine());
    let leaves: HashSet<u64> = (hole.start / 512..hole.end / 512)
        .map(|leaf| p2m.leaf_address(machine, leaf).unwrap().as_u64())
        .collect();
    assert_eq!(leaves.len(), 1, "leaves of absent memory are one");
}
