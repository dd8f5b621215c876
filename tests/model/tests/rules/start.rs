//! What the builder leaves, and what fails a test.

use mmu::RamdiskPages;
use mmu::layout::{INIT_P2M, KERNEL_MAP};
use p2m::{LinearMap, MachineToPhys, Memory};
use start_info::{BootFacts, Index, P2mPlace, PageCount, Pfn};
use xen_model::{GuestConfig, Loader, NotMapped, PageType, Ramdisk, audit};

use crate::guest::BASE;

fn guests() -> [GuestConfig; 9] {
    let ramdisk = || Ramdisk::of(vec![0x5a; 0x1_2345]);
    [
        GuestConfig::new(64 << 8),
        GuestConfig::new((67 << 8) + 3).with_ramdisk(ramdisk()),
        GuestConfig { ramdisk_by_pfn: true, ..GuestConfig::new(1 << 18) }.with_ramdisk(ramdisk()),
        GuestConfig::new(1300 << 8).with_ramdisk(ramdisk()).with_notes(),
        GuestConfig::dom0(0x1_8765).with_ramdisk(ramdisk()),
        GuestConfig::dom0(0x8_4321).with_ramdisk(ramdisk()).with_notes(),
        GuestConfig::new(64 << 8).with_loader(Loader::Grub).with_ramdisk(ramdisk()),
        GuestConfig::new((67 << 8) + 3).with_loader(Loader::Grub).with_ramdisk(ramdisk()).with_notes(),
        GuestConfig::new(64 << 8).with_loader(Loader::Krata).with_ramdisk(ramdisk()).with_notes(),
    ]
}

#[test]
fn start_info_is_accepted_and_says_where_everything_is() {
    for guest in guests() {
        let built = guest.build().unwrap();
        let facts = BootFacts::parse(&built.page, &built.entry).unwrap();
        let places = &built.places;
        let list = match facts.p2m_list().place {
            P2mPlace::Image(pages) | P2mPlace::Own(pages) => pages,
        };
        assert_eq!((list.start().get(), list.end().get()), (places.list.start, places.list.end));
        let ramdisk = facts.ramdisk().map(|ramdisk| (ramdisk.pfns.start().get(), ramdisk.pfns.end().get()));
        assert_eq!(ramdisk, places.ramdisk.as_ref().map(|pages| (pages.start, pages.end)));
        assert_eq!(facts.boot_stack().get(), places.stack);
        assert!(facts.least_boot_end().get() <= places.end && places.end <= facts.most_boot_end().get());
        let words: Vec<u64> =
            (0..512).map(|i| built.machine.read(places.start_info * 4096 + BASE + i * 8).unwrap()).collect();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert_eq!(bytes, *built.page);
    }
}

#[test]
fn the_boot_mapping_is_writable_but_for_its_tables_and_ends_where_it_should() {
    for guest in guests() {
        let built = guest.build().unwrap();
        audit::references(&built.machine).assert_none();
        for pfn in 0..built.places.end {
            let leaf = built.machine.live_leaf(BASE + pfn * 4096).unwrap();
            assert_eq!(Some(leaf.pte.mfn()), built.machine.built_mfn(pfn));
            let flags = leaf.pte.0 & 0xfff0_0000_0000_0fff;
            let table = built.places.tables.contains(&pfn);
            let expected = match (guest.loader, table) {
                (Loader::Grub, true) => 0x105,
                (Loader::Grub, false) => 0x107,
                (_, true) => 0x10_0000_0000_0025,
                (_, false) => 0x10_0000_0000_0067,
            };
            assert_eq!(flags, expected, "{pfn:#x}");
        }
        let end = built.machine.live_leaf(BASE + built.places.end * 4096);
        assert!(matches!(end, Err(NotMapped::Empty(_))), "{end:?}");
    }
}

#[test]
fn only_the_root_is_pinned_and_tables_are_in_each_builders_order() {
    for guest in guests() {
        let built = guest.build().unwrap();
        let record = |pfn: u64| built.machine.record(built.machine.built_mfn(pfn).unwrap()).unwrap();
        let kinds: Vec<PageType> = built.places.tables.clone().map(|pfn| record(pfn).kind()).collect();
        let order = match guest.domain {
            xen_model::Domain::Guest => [4, 3, 2, 1],
            xen_model::Domain::Dom0 => [4, 1, 2, 3],
        };
        assert_eq!(kinds[..4], order.map(PageType::Table));
        let (mapping, low) = kinds.split_at(kinds.len() - if guest.loader == Loader::Grub { 3 } else { 0 });
        assert!(mapping[4..].iter().all(|&kind| matches!(kind, PageType::Table(1 | 2))));
        assert!(low.is_empty() || low == [3, 2, 1].map(PageType::Table));
        for pfn in 0..guest.pages {
            assert_eq!(record(pfn).is_pinned(), pfn == built.places.tables.start, "{pfn:#x}");
        }
    }
}

#[test]
fn the_list_names_every_page_and_the_m2p_agrees() {
    for guest in guests() {
        let holes = vec![0xa000..0xa001, 0xa400..0xa800];
        let built = GuestConfig { holes: holes.clone(), ..guest.clone() }.build().unwrap();
        let at =
            if guest.init_p2m.is_some() { INIT_P2M.as_u64() } else { BASE + built.places.list.start * 4096 };
        for pfn in 0..guest.pages {
            let word = built.machine.read(at + pfn * 8).unwrap();
            if holes.iter().any(|hole| hole.contains(&pfn)) {
                assert_eq!(word, u64::MAX);
            } else {
                assert_eq!(built.machine.machine_to_phys(start_info::Mfn::new(word)), Some(pfn));
            }
        }
        let behind =
            (guest.pages..guest.pages.next_multiple_of(512)).map(|pfn| built.machine.read(at + pfn * 8));
        for word in behind {
            let zero = guest.domain == xen_model::Domain::Guest;
            assert_eq!(word == Ok(0), zero, "the tools leave zero, Xen what was there");
        }
    }
}

#[test]
fn the_tables_of_a_list_at_its_own_address_are_mapped_nowhere() {
    for guest in guests().into_iter().filter(|guest| guest.init_p2m.is_some()) {
        let built = guest.build().unwrap();
        let tables: Vec<u64> = (built.places.list.clone())
            .filter(|&pfn| {
                built.machine.record(built.machine.built_mfn(pfn).unwrap()).unwrap().table_level().is_some()
            })
            .collect();
        assert_eq!(
            tables.len() as u64,
            built.places.list.end - built.places.list.start - built.places.list_pages
        );
        for pfn in tables {
            let record = built.machine.record(built.machine.built_mfn(pfn).unwrap()).unwrap();
            assert_eq!((record.count(), record.references()), (1, 1), "hooked once and mapped nowhere");
        }
    }
}

#[test]
fn memory_the_builder_does_not_promise_holds_leftovers() {
    let built = GuestConfig::new(64 << 8).build().unwrap();
    for pfn in [1, built.places.stack, built.places.end - 1] {
        let words = (0..512).map(|i| built.machine.read(BASE + pfn * 4096 + i * 8).unwrap());
        assert!(words.filter(|&word| word == 0).count() == 0);
    }
}

fn authority() -> p2m::Authority {
    p2m::Authority::take().unwrap()
}

fn window(pages: u64) -> LinearMap {
    LinearMap::of_builder(&authority(), KERNEL_MAP, PageCount::new(pages))
}

#[test]
fn a_load_goes_through_the_live_tables() {
    let built = GuestConfig::new(64 << 8).build().unwrap();
    let word = window(0x4000).word(Pfn::new(built.places.start_info), Index::new(4)).unwrap();
    assert_eq!(built.machine.load(word), 64 << 8);
}

#[test]
#[should_panic(expected = "which is not mapped: its L2 entry is empty")]
fn a_load_from_nowhere_ends_the_test() {
    let built = GuestConfig::new(64 << 8).build().unwrap();
    built.machine.load(window(0x4000).word(Pfn::new(0x3fff), Index::FIRST).unwrap());
}

#[test]
#[should_panic(expected = "mapped for reading only")]
fn a_store_to_a_live_table_ends_the_test_which_is_stricter_than_xen() {
    let mut built = GuestConfig::new(64 << 8).build().unwrap();
    let mut frames = p2m::FrameAllocator::new(window(0x4000));
    let tables = built.places.tables.clone();
    let range = start_info::PfnRange::between(Pfn::new(tables.start), Pfn::new(tables.end));
    // A deliberate lie to the model: the builder's tables are free.
    let list = p2m::List::from_facts(&BootFacts::parse(&built.page, &built.entry).unwrap());
    let span = window(0x4000).free_span(&authority(), range);
    frames.give(&mut built.machine, span);
    let mut frame = frames.take(&built.machine, &list).unwrap();
    frame.set(&mut built.machine, Index::FIRST, 0);
}

#[test]
#[should_panic(expected = "destroyed the ramdisk")]
fn a_ramdisk_that_was_written_over_ends_the_test() {
    use xen_guest::Platform;
    let mut built = GuestConfig::new(64 << 8).with_ramdisk(Ramdisk::of(vec![1; 9000])).build().unwrap();
    let facts = BootFacts::parse(&built.page, &built.entry).unwrap();
    let ramdisk = facts.ramdisk().unwrap();
    assert_eq!(
        built.machine.ramdisk(&window(0x4000), &RamdiskPages::of(&authority(), &facts).unwrap()).unwrap(),
        [1; 9000]
    );
    built.machine.write(BASE + (ramdisk.pfns.start().get() + 2) * 4096, 0).unwrap();
    built.machine.ramdisk(&window(0x4000), &RamdiskPages::of(&authority(), &facts).unwrap());
}

#[test]
#[should_panic(expected = "by a translation that was not flushed")]
fn a_store_before_the_flush_ends_the_test_which_is_stricter_than_xen() {
    let mut built = GuestConfig::new(64 << 8).build().unwrap();
    let mut frames = p2m::FrameAllocator::new(window(0x4000));
    let list = p2m::List::from_facts(&BootFacts::parse(&built.page, &built.entry).unwrap());
    let pfn = Pfn::new(0x20);
    let range = start_info::PfnRange::try_new(pfn, PageCount::new(1)).unwrap();
    frames.give(&mut built.machine, window(0x4000).free_span(&authority(), range));
    let mut frame = frames.take(&built.machine, &list).unwrap();
    frame.set(&mut built.machine, Index::FIRST, 1);
    let table = built.machine.built_mfn(built.places.tables.start + 3).unwrap();
    let own = built.machine.built_mfn(frame.pfn().get()).unwrap();
    let (target, entry) = (table.maddr().get() + 0x20 * 8, own.maddr().get());
    // Read-only and writable again: a processor may still hold the first change.
    built.machine.update_entries(&[(target, entry | 0x61), (target, entry | 0x8000_0000_0000_0063)]).unwrap();
    frame.set(&mut built.machine, Index::FIRST, 2);
}

/// A page number in a map, of memory or of a device, is never the number of a frame of the guest's, so confusing the
/// two is always noticed.
#[test]
fn no_frame_of_the_guests_has_a_number_that_a_map_speaks_of() {
    use start_info::MapEntry;
    let line = |start: u64, end: u64, kind| MapEntry { start, len: end - start, kind };
    // RAM far above the guest's pages, a device's window above that, and one that goes on to the end of all addresses.
    let map = [
        line(0, 0x600_0000, 1),
        line(0xb00_0000, 0x1800_0000, 2),
        line(0x1800_0000, 0x4000_0000, 1),
        line(0xfd_0000_0000, 0x100_0000_0000, 2),
    ];
    let far = line(0x800_0000_0000, u64::MAX, 2);
    for map in [map.to_vec(), [&map[..], &[far]].concat()] {
        for guest in [
            GuestConfig { machine_map: map.clone(), ..GuestConfig::dom0(0x6011) },
            GuestConfig { memory_map: map.clone(), ..GuestConfig::new(0x6011) },
        ] {
            let machine = guest.build().unwrap().machine;
            assert!((0..0x6011).all(|pfn| machine.built_mfn(pfn).unwrap().get() > 0x1000_0000));
            audit::references(&machine).assert_none();
        }
    }
}
