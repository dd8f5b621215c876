//! No page is lost and none has two owners, after boots that succeed.

use proptest::prelude::*;
use xen_model::{GuestConfig, Loader, Ramdisk};

use crate::account::{Account, drain};
use crate::guests::guests;

/// Boots a guest and accounts for every page; `false` if it has too little memory.
fn account(guest: &GuestConfig) -> bool {
    let Ok(built) = guest.build() else { return false };
    let Ok(mut booted) = built.boot() else { return false };
    let free = drain(&mut booted);
    let account = Account::of(&booted);
    let memory = (0..guest.pages).filter(|&pfn| booted.machine().built_mfn(pfn).is_some()).count() as u64;
    let used = account.len();
    let lost = account.nobodys(booted.machine(), &free);
    assert!(lost.is_empty(), "nobody's pages: {lost:x?} of {guest:?}");
    assert_eq!(used + free.len() as u64, memory, "used and free make all, {guest:?}");
    true
}

#[test]
fn every_page_of_a_named_guest_has_one_owner() {
    for (name, guest) in guests() {
        assert!(account(&guest), "{name}");
    }
}

#[test]
fn every_page_of_a_guest_of_an_odd_size_has_one_owner() {
    let ends = [512, 1024, 0x4000].into_iter().flat_map(|middle| (middle - 1)..=(middle + 1));
    for pages in ends.map(|more| 0x2000 + more).chain([(1 << 18) - 1, (1 << 18) + 1, (1 << 18) + 513]) {
        assert!(account(&GuestConfig::new(pages)), "{pages:#x}");
        assert!(account(&GuestConfig::dom0(pages).with_notes()), "{pages:#x}");
        assert!(account(&GuestConfig::new(pages).with_loader(Loader::Grub)), "{pages:#x}");
    }
}

#[test]
fn every_page_of_a_guest_with_holes_has_one_owner() {
    let holes = vec![0x2000..0x2001, 0x2003..0x2a00, 0x3ffe..0x4200];
    let guest = GuestConfig { image_start: 0x80, holes, ..GuestConfig::new(0x5678) };
    assert!(account(&guest));
    assert!(account(&guest.with_command_line("revector=off")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_page_of_a_guest_of_any_size_has_one_owner(
        pages in 0x1000_u64..0x5000,
        image in (0x40_u64..0x900, 16_u64..0x500),
        ramdisk in 0_u64..0x8_0000,
        kind in any::<[bool; 2]>(),
        loader in prop::sample::select(vec![Loader::Toolstack, Loader::Grub]),
        line in prop::sample::select(vec!["", "map=lazy", "revector=off"]),
    ) {
        let guest = if kind[0] { GuestConfig::dom0(pages) } else { GuestConfig::new(pages) };
        let guest = if kind[1] { guest.with_notes() } else { guest };
        let guest = GuestConfig { image_start: image.0, image_pages: image.1, loader, ..guest };
        account(&guest.with_ramdisk(Ramdisk::zeros(ramdisk)).with_command_line(line));
    }
}
