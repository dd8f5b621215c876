//! What must be refused, and was not tried.

use mmu::{Error, layout::KERNEL_MAP, layout::MODULES, unmap_guard};
use p2m::Mismatch;
use start_info::{MapEntry, Pfn, PfnRange};
use xen_guest::Cause;
use xen_model::{Guest, Ramdisk, audit};

fn with_hole(guest: &Guest, start: u64, end: u64) -> Guest {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    Guest { memory_map: vec![entry(0, guest.pages + 0x1000, 1), entry(start, end, 3)], ..guest.clone() }
}

/// The toolstack of a domU knows start_info and the rings by their place: they are given back to nobody.
#[test]
fn what_the_toolstack_knows_by_its_place_stays() {
    let guest = Guest::new(0x6000);
    let places = guest.build().unwrap().places;
    let pages = [
        (places.start_info, "start_info"),
        (places.xenstore.unwrap(), "a ring page"),
        (places.console.unwrap(), "a ring page"),
        (places.image.start, "the kernel image"),
        (places.image.end - 1, "the kernel image"),
    ];
    for (pfn, name) in pages {
        let (built, failure) = with_hole(&guest, pfn, pfn + 1).build().unwrap().boot().unwrap_err();
        assert!(matches!(failure.cause(), Cause::Conflict(_)), "{failure}");
        assert!(failure.to_string().starts_with(&format!("memory map: {name} at ")), "{failure}");
        assert_eq!(built.machine.calls(), 1);
    }
}

#[test]
fn a_ramdisk_that_was_lent_is_not_moved() {
    let guest = Guest::new(0x6000).with_ramdisk(Ramdisk::of(vec![9; 0x3456]));
    let mut booted = guest.build().unwrap().boot().unwrap();
    let pages = booted.running.ramdisk_pages().unwrap();
    let free = booted.running.free();
    let lent = booted.running.ramdisk().unwrap().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    let moved = parts.map.move_ramdisk(machine, &parts.p2m, std::iter::empty::<PfnRange>());
    assert_eq!(moved, Err(Error::RamdiskLent { pages }));
    assert_eq!(booted.running.ramdisk_pages(), Some(pages));
    assert_eq!(booted.running.free(), free);
    assert!(lent.iter().all(|&byte| byte == 9));
}

#[test]
fn a_ramdisk_that_was_not_lent_is_moved() {
    let guest = Guest::new(0x6000).with_ramdisk(Ramdisk::of(vec![9; 0x3456]));
    let mut booted = guest.build().unwrap().boot().unwrap();
    let pages = booted.running.ramdisk_pages().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    parts.map.move_ramdisk(machine, &parts.p2m, std::iter::empty::<PfnRange>()).unwrap();
    assert_ne!(booted.running.ramdisk_pages(), Some(pages));
    assert!(booted.running.ramdisk().unwrap().unwrap().iter().all(|&byte| byte == 9));
}

/// Each page that the boot builds on is held against the M2P before anything is changed.
#[test]
fn every_page_that_is_built_on_is_confirmed_first() {
    for guest in [Guest::new(64 * 256 + 3), Guest::dom0(64 * 256 + 3)] {
        let places = guest.build().unwrap().places;
        let rings = [places.xenstore, places.console].into_iter().flatten();
        let watched = [
            0,
            places.image.start,
            places.image.end - 1,
            places.start_info,
            places.tables.start,
            guest.pages - 1,
        ];
        for pfn in watched.into_iter().chain(rings) {
            let mut built = guest.build().unwrap();
            let mfn = built.machine.other_domains_frame();
            // The list's pages lie one after the other, in numbers and not in frames.
            let page = built.machine.built_mfn(places.list.start + pfn / 512).unwrap();
            built.machine.poke(page, pfn as usize % 512, mfn.get());
            let back = p2m::MachineToPhys::machine_to_phys(&built.machine, mfn);
            let (built, failure) = built.boot().unwrap_err();
            assert_eq!(
                failure.cause(),
                &Cause::Mismatch(Mismatch { pfn: Pfn::new(pfn), mfn, back }),
                "{pfn:#x}"
            );
            assert_eq!(built.machine.calls(), 0);
        }
    }
}

/// Not every page is confirmed first. One of the image that the list gives no frame is told when the image is mapped anew.
#[test]
fn a_page_of_the_image_without_memory_is_told() {
    for guest in [Guest::new(64 * 256 + 3), Guest::dom0(64 * 256 + 3)] {
        let places = guest.build().unwrap().places;
        let pfn = places.image.start + (places.image.end - places.image.start) / 2;
        let mut built = guest.build().unwrap();
        let page = built.machine.built_mfn(places.list.start + pfn / 512).unwrap();
        built.machine.poke(page, pfn as usize % 512, u64::MAX);
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(failure.cause(), &Cause::Mmu(Error::NoMemory { pfn: Pfn::new(pfn) }), "{failure}");
    }
}

/// start_info names the frame. A page of ours is no page that Xen writes.
#[test]
fn a_shared_info_that_is_the_guests_own_is_refused() {
    const SHARED_INFO: usize = 0x28;
    let guest = Guest::new(64 * 256 + 3);
    let places = guest.build().unwrap().places;
    for pfn in [places.image.start, places.tables.start, places.end + 3] {
        let mut built = guest.build().unwrap();
        let mfn = built.machine.built_mfn(pfn).unwrap();
        built.page[SHARED_INFO..SHARED_INFO + 8].copy_from_slice(&mfn.maddr().get().to_le_bytes());
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(failure.cause(), &Cause::Mmu(Error::OwnMemory { mfn, pfn: Pfn::new(pfn) }));
    }
}

/// The guard page is taken away by its address in the kernel's mapping, which ends where modules begin.
#[test]
fn no_page_behind_the_kernels_mapping_is_taken_away_as_the_guard() {
    let most = (MODULES.as_u64() - KERNEL_MAP.as_u64()) / 4096;
    let mut built = Guest::new(64 * 256).build().unwrap();
    for pfn in [most, most + 1, 1 << 19, (1 << 28) - 1, (1 << 36) + 5] {
        let pfn = Pfn::new(pfn);
        assert_eq!(unmap_guard(&mut built.machine, pfn), Err(Error::NoMemory { pfn }));
    }
    assert_eq!(built.machine.calls(), 0);
    let guard = built.image.guard;
    unmap_guard(&mut built.machine, guard).unwrap();
    assert!(built.machine.live_leaf(KERNEL_MAP.as_u64() + guard.get() * 4096).is_err());
}

/// A page of the builder's tables that the new address space still leads to, by an entry that no builder makes.
#[test]
fn a_table_that_is_still_live_is_not_given_back() {
    const SLOT: u64 = 277;
    let mut built = Guest::new(64 * 256).build().unwrap();
    let root = built.machine.root().unwrap();
    let l3 = built.machine.peek(root, 511).unwrap();
    built.machine.update_entries(&[(root.maddr().get() + SLOT * 8, l3)]).unwrap();
    let tables = built.places.tables.clone();
    let (built, failure) = built.boot().unwrap_err();
    let Cause::Mmu(Error::StillLive { table, released }) = failure.cause() else { panic!("{failure}") };
    assert_eq!(built.machine.held_mfn(table.get()), Some(xen_model::Pte(l3).mfn()));
    assert_eq!((released.start().get(), released.end().get()), (tables.start, tables.end));
    audit::references(&built.machine).assert_none();
}

/// The refusal of a start_info is seen only if its reader is told, by the port in the raw page.
#[test]
fn the_ring_of_a_refused_start_info_is_used_with_its_port() {
    const PT_BASE: usize = 0x58;
    let mut built = Guest::new(64 * 256).build().unwrap();
    built.page[PT_BASE] ^= 8;
    let console = built.places.console.unwrap();
    let (built, failure) = built.boot().unwrap_err();
    assert!(matches!(failure.cause(), Cause::StartInfo(_)), "{failure}");
    assert_eq!(built.machine.console_at(), Some(KERNEL_MAP.as_u64() + console * 4096));
    assert_eq!(built.machine.console_port(), Some(2));
}

/// A frame has one owner: no second number, and no other meaning for its own.
#[test]
fn a_number_with_memory_keeps_it_and_one_without_gets_none() {
    let holes = vec![0x3000..0x3100, 0x3200..0x3201];
    let mut booted = Guest { holes, ..Guest::new(64 * 256) }.build().unwrap().boot().unwrap();
    let own = booted.machine().held_mfn(0x2345).unwrap();
    let running = &mut booted.running;
    let pfn = Pfn::new(0x2345);
    for entry in [p2m::Entry::Missing, p2m::Entry::Identity, p2m::Entry::Ram(own), p2m::Entry::Foreign(own)] {
        assert_eq!(running.set_entry(pfn, entry), Err(Error::HasMemory { pfn, mfn: own }));
        assert_eq!(running.entry(pfn), p2m::Entry::Ram(own));
    }
    let gap = Pfn::new(0x3001);
    let error = Error::HasMemory { pfn: gap, mfn: own };
    assert_eq!(running.set_entry(gap, p2m::Entry::Ram(own)), Err(error));
    assert_eq!(running.entry(gap), p2m::Entry::Missing);
    running.set_entry(gap, p2m::Entry::Identity).unwrap();
}

#[test]
fn the_machines_memory_is_not_read_where_the_guest_has_its_own() {
    let mut booted = Guest::dom0(0x6000).build().unwrap().boot().unwrap();
    let calls = booted.machine().calls();
    for pfn in [0x100, 0x1234, 0x5fff] {
        let at = Pfn::new(pfn);
        let address = start_info::Maddr::try_new(pfn << 12 | 0x123).unwrap();
        let found = booted.running.read_machine(address, &mut [0; 3]);
        assert_eq!(found, Err(Error::NotIdentity { pfn: at }));
    }
    assert_eq!(booted.machine().calls(), calls);
}
