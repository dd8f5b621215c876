//! Boots that the layer refuses, because of what the builder left or where the map puts it.

use mmu::layout::{INIT_P2M, KERNEL_MAP, KernelMap, MODULES};
use mmu::{MmuError, unmap_guard};
use p2m::Mismatch;
use start_info::Pfn;
use xen_guest::Cause;
use xen_model::{GuestConfig, Loader, audit};

use crate::host::map;

const ACPI: u32 = 3;

/// The toolstack of a domU knows start_info and the rings, so they are never given back: there must be other numbers for them.
#[test]
fn what_stays_in_use_without_other_numbers_is_told() {
    let guest = GuestConfig::new(0x6000);
    let places = guest.build().unwrap().places;
    let pages = [
        (places.start_info, "start_info"),
        (places.xenstore.unwrap(), "a ring page"),
        (places.console.unwrap(), "a ring page"),
        (places.image.start, "the kernel image"),
        (places.image.end - 1, "the kernel image"),
    ];
    let with_hole = |pfn| GuestConfig { memory_map: map(0x6000, &[(pfn, pfn + 1, ACPI)]), ..guest.clone() };
    for (pfn, name) in pages {
        let (built, failure) = with_hole(pfn).build().unwrap().boot().unwrap_err();
        assert!(matches!(failure.cause(), Cause::Conflict(_)), "{failure}");
        assert!(failure.to_string().starts_with(&format!("memory map: {name} at ")), "{failure}");
        assert_eq!(built.machine.calls(), 1);
    }
}

/// Each page that the boot builds on is compared with the M2P before anything is changed.
#[test]
fn every_page_that_is_built_on_is_confirmed_first() {
    for guest in [GuestConfig::new(64 * 256 + 3), GuestConfig::dom0(64 * 256 + 3)] {
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

/// Not every page is confirmed first. An image page without a frame in the list is reported when the image is mapped
/// anew.
#[test]
fn a_page_of_the_image_without_memory_is_told() {
    for guest in [GuestConfig::new(64 * 256 + 3), GuestConfig::dom0(64 * 256 + 3)] {
        let places = guest.build().unwrap().places;
        let pfn = places.image.start + (places.image.end - places.image.start) / 2;
        let mut built = guest.build().unwrap();
        let page = built.machine.built_mfn(places.list.start + pfn / 512).unwrap();
        built.machine.poke(page, pfn as usize % 512, u64::MAX);
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(failure.cause(), &Cause::Mmu(MmuError::NoMemory { pfn: Pfn::new(pfn) }), "{failure}");
    }
}

/// start_info names the frame. A page of the guest's own cannot be the one that Xen writes.
#[test]
fn a_shared_info_that_is_the_guests_own_is_refused() {
    const SHARED_INFO: usize = 0x28;
    let guest = GuestConfig::new(64 * 256 + 3);
    let places = guest.build().unwrap().places;
    for pfn in [places.image.start, places.tables.start, places.end + 3] {
        let mut built = guest.build().unwrap();
        let mfn = built.machine.built_mfn(pfn).unwrap();
        built.page[SHARED_INFO..SHARED_INFO + 8].copy_from_slice(&mfn.maddr().get().to_le_bytes());
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(failure.cause(), &Cause::Mmu(MmuError::OwnMemory { mfn, pfn: Pfn::new(pfn) }));
    }
}

/// The guard page is unmapped by its address in the kernel's mapping, which ends where modules begin.
#[test]
fn no_page_behind_the_kernels_mapping_is_taken_away_as_the_guard() {
    let most = (MODULES.as_u64() - KERNEL_MAP.as_u64()) / 4096;
    let mut built = GuestConfig::new(64 * 256).build().unwrap();
    for pfn in [most, most + 1, 1 << 19, (1 << 28) - 1, (1 << 36) + 5] {
        let pfn = Pfn::new(pfn);
        assert_eq!(unmap_guard(&mut built.machine, pfn, KernelMap::BUILDER), Err(MmuError::NoMemory { pfn }));
    }
    // An image that was drawn has less room after it.
    let moved = KernelMap::with_base(KERNEL_MAP + 0x1234 * 4096);
    let pfn = Pfn::new(most - 0x1234);
    assert_eq!(unmap_guard(&mut built.machine, pfn, moved), Err(MmuError::NoMemory { pfn }));
    assert_eq!(built.machine.calls(), 0);
    let guard = built.image.guard;
    unmap_guard(&mut built.machine, guard, KernelMap::BUILDER).unwrap();
    assert!(built.machine.live_leaf(KERNEL_MAP.as_u64() + guard.get() * 4096).is_err());
}

/// A page of the builder's tables that the new address space still leads to, by an entry that no builder makes: GRUB's
/// empty tables of address 0 have another address too.
#[test]
fn a_table_that_is_still_live_is_not_given_back() {
    const SLOT: u64 = 277;
    let mut built = GuestConfig::new(64 * 256).with_loader(Loader::Grub).build().unwrap();
    let root = built.machine.root().unwrap();
    let l3 = built.machine.peek(root, 0).unwrap();
    built.machine.update_entries(&[(root.maddr().get() + SLOT * 8, l3)]).unwrap();
    let tables = built.places.tables.clone();
    let (built, failure) = built.boot().unwrap_err();
    let Cause::Mmu(MmuError::StillLive { table, released }) = failure.cause() else { panic!("{failure}") };
    assert_eq!(built.machine.held_mfn(table.get()), Some(xen_model::Pte(l3).mfn()));
    assert_eq!((released.start().get(), released.end().get()), (tables.start, tables.end));
    audit::references(&built.machine).assert_none();
}

/// A table of the drawn image to which the tables of a list that stays lead too.
#[test]
fn a_table_of_the_drawn_image_that_is_still_live_is_not_given_back() {
    let guest = GuestConfig::new(64 * 256).with_notes().with_command_line("revector=off");
    let mut built = guest.with_slide(1 << 63).build().unwrap();
    let slide = built.places.stack + 1;
    let index = |shift: u32| (INIT_P2M.as_u64() >> shift) as usize % 512;
    let below = |mfn, index| xen_model::Pte(built.machine.peek(mfn, index).unwrap()).mfn();
    let l3 = below(built.machine.root().unwrap(), index(39));
    let last = below(l3, index(30)).maddr().get() + 511 * 8;
    let entry = built.machine.built_mfn(slide).unwrap().maddr().get() | 0x67;
    built.machine.update_entries(&[(last, entry)]).unwrap();
    let (built, failure) = built.boot().unwrap_err();
    let Cause::Mmu(MmuError::StillLive { table, released }) = failure.cause() else { panic!("{failure}") };
    assert_eq!((table.get(), released.start().get()), (slide, slide));
    audit::references(&built.machine).assert_none();
}

/// A refused start_info shows only if the console's reader is notified, by the port in the raw page.
#[test]
fn the_ring_of_a_refused_start_info_is_used_with_its_port() {
    const PT_BASE: usize = 0x58;
    let mut built = GuestConfig::new(64 * 256).build().unwrap();
    built.page[PT_BASE] ^= 8;
    let console = built.places.console.unwrap();
    let (built, failure) = built.boot().unwrap_err();
    assert!(matches!(failure.cause(), Cause::StartInfo(_)), "{failure}");
    assert_eq!(built.machine.console_at(), Some(KERNEL_MAP.as_u64() + console * 4096));
    assert_eq!(built.machine.console_port(), Some(2));
}
