//! Direct map, linear P2M, device memory and the payload's addresses at places drawn at boot.

use kit::random::Random;
use mmu::layout::Bases;
use mmu::{Access, IoAccess};
use p2m::P2mEntry;
use start_info::{Mfn, PageCount, Pfn};
use xen_guest::Revector;
use xen_model::{GuestConfig, Loader};

use crate::after::{Booted, checked};
use crate::used::ramdisk;

/// Boots with drawn places, and checks everything.
fn drawn(guest: GuestConfig, words: [u64; 4]) -> Booted {
    let mut built = guest.build().unwrap();
    built.image.drawn = Some(words);
    match built.boot() {
        Ok(booted) => checked(guest, booted),
        Err((built, failure)) => panic!("{words:x?}: {failure}\n{}", built.machine.trace()),
    }
}

/// Uses every region that moved, then all memory.
fn use_all(booted: &mut Booted) {
    booted.read_ramdisk();
    booted.load_module(5);
    let bases = *booted.bases();
    let frame = booted.running.take_frame().unwrap();
    let mapped = booted.running.map(frame, Access::Read).unwrap();
    assert_eq!(mapped.region().start(), bases.payload());
    let shared_info = booted.running.facts().shared_info().mfn();
    let device = booted.running.map_device(shared_info, PageCount::new(1), IoAccess::Read).unwrap();
    assert_eq!(device.region().start(), bases.io_map());
    assert_eq!(booted.machine().live_leaf(bases.io_map().as_u64()).unwrap().pte.mfn(), shared_info);
    let space = booted.running.new_space().unwrap();
    booted.running.retire_space(space).unwrap();
    booted.running.unmap_device(device).unwrap();
    let frame = booted.running.unmap(mapped).unwrap();
    assert_eq!(frame.address(), bases.direct_map() + frame.pfn().get() * 4096);
    booted.running.give_frame(frame);
    booted.use_and_check();
}

fn guests() -> [GuestConfig; 10] {
    let odd = 67 * 256 + 3;
    [
        GuestConfig::new(64 * 256).with_ramdisk(ramdisk()),
        GuestConfig::new(odd).with_ramdisk(ramdisk()).with_command_line("map=lazy"),
        GuestConfig::new(odd).with_notes().with_ramdisk(ramdisk()),
        GuestConfig::new(odd).with_command_line("revector=off"),
        GuestConfig::new(odd).with_notes().with_command_line("revector=off"),
        GuestConfig::dom0(0x1_7a01).with_ramdisk(ramdisk()),
        GuestConfig::dom0(0x1_7a01).with_notes().with_ramdisk(ramdisk()).with_command_line("map=lazy"),
        GuestConfig::dom0(0x8000).with_notes().with_command_line("revector=off"),
        GuestConfig::new(odd).with_loader(Loader::Grub).with_notes().with_ramdisk(ramdisk()),
        GuestConfig { holes: vec![0x3000..0x3a01, 0x3b00..0x3b01], ..GuestConfig::new(odd) },
    ]
}

#[test]
fn a_guest_boots_wherever_its_regions_are() {
    let mut random = Random::from(13);
    for round in 0..20 {
        let words = [0; 4].map(|_| random.word());
        let guest = guests()[round % guests().len()].clone();
        let mut booted = drawn(guest, words);
        let pages = PageCount::new(booted.pages());
        assert_eq!(*booted.bases(), Bases::drawn(pages, words));
        let bases = booted.bases();
        assert!(bases.direct_map() != Bases::FIXED.direct_map() && bases.payload() != Bases::FIXED.payload());
        if booted.running.options().revector == Revector::On {
            assert_eq!(booted.machine().published().unwrap().p2m_vaddr, bases.linear_p2m());
        }
        use_all(&mut booted);
    }
}

#[test]
fn without_words_the_regions_are_at_their_usual_places() {
    let booted = crate::after::booted(GuestConfig::new(64 * 256));
    assert_eq!(*booted.bases(), Bases::FIXED);
}

/// A region may start in the last GiB, or the last page, that one top-level entry covers, and go on in the next. The first
/// tables of the direct map come from a few pages below the image, so their number has to be right.
#[test]
fn a_region_may_lie_across_the_border_of_two_top_level_entries() {
    const GIB: u64 = 1 << 18;
    let last_page = (1 << 27) - 1;
    for line in ["", "map=lazy"] {
        for direct in [510, 511, 512] {
            let guest =
                GuestConfig { holes: vec![0x5000..2 * GIB, 0..0], ..GuestConfig::new(2 * GIB + 0x1201) };
            let mut booted = drawn(guest.with_command_line(line), [direct, 511, last_page, last_page]);
            use_all(&mut booted);
        }
    }
}

/// The builder's mapping, of more than 1 GiB, is mapped first, with tables from the pages below the image.
#[test]
fn the_first_tables_are_enough_for_a_first_chunk_across_a_border() {
    let guest = GuestConfig::new(0x5_0000).with_ramdisk(xen_model::Ramdisk::zeros(0x4_2000 << 12));
    let mut frames = Vec::new();
    for direct in [0, 511, 1023] {
        let booted = drawn(guest.clone(), [direct, 0, 0, 0]);
        frames.push(booted.running.free());
    }
    assert_eq!((frames[0] - 1, frames[1]), (frames[1], frames[2]), "the border takes one more L3 table");
}

/// A leaf of the P2M that is replaced is replaced where the toolstack reads it.
#[test]
fn a_new_leaf_is_mapped_where_the_linear_list_is() {
    let holes = vec![0x3000..0x3800, 0x3900..0x3901];
    let mut booted = drawn(GuestConfig { holes, ..GuestConfig::new(64 * 256 + 1) }, [3, 1000, 5, 7]);
    let at = booted.bases().linear_p2m().as_u64() + (0x3001 >> 9) * 4096;
    assert_eq!(at, 0xffff_c9fa_0000_0000 + 0x18 * 4096);
    let shared = booted.machine().live_leaf(at).unwrap().pte.mfn();
    booted.running.set_entry(Pfn::new(0x3001), P2mEntry::Foreign(Mfn::new(5))).unwrap();
    assert_ne!(booted.machine().live_leaf(at).unwrap().pte.mfn(), shared);
    assert_eq!(booted.machine().read(at + 8), Ok(P2mEntry::Foreign(Mfn::new(5)).encode()));
    booted.audit();
}
