//! Hosts whose memory map has holes, and the pages that lie in those holes.
//!
//! *What must hold*: a page in use is never moved. A page where the host has no RAM gets another number or goes back to
//! Xen, and nothing is lost. If a page cannot go, one line names both ranges before anything is mapped.
//!
//! *What is not here*: holes under the image (`image_holes.rs`).

use proptest::prelude::*;
use start_info::MapEntry;
use xen_guest::Cause;
use xen_model::{Domain, GuestConfig, audit};

use crate::after::{booted, checked};
use crate::host::{RAM, RESERVED, map};
use crate::used::{fully_used, ramdisk};

const ACPI: u32 = 3;
const NVS: u32 = 4;

fn dom0(pages: u64, end: u64, holes: &[(u64, u64, u32)]) -> GuestConfig {
    GuestConfig { machine_map: map(end, holes), ..GuestConfig::dom0(pages) }
}

/// Returns the one line a boot ends with; nothing was changed.
fn refused(guest: &GuestConfig) -> String {
    let Err((built, failure)) = guest.build().unwrap().boot() else {
        panic!("a conflict was not noticed");
    };
    assert!(matches!(failure.cause(), Cause::Conflict(_)), "{failure}");
    assert_eq!(built.machine.calls(), 1, "only the map was asked for");
    let line = failure.to_string();
    assert!(!line.contains('\n'));
    line
}

#[test]
fn the_hole_of_a_pc_below_one_mebibyte() {
    let booted = fully_used(dom0(0x6011, 0x9000, &[(0xa0, 0x100, RESERVED)]).with_ramdisk(ramdisk()));
    assert_eq!(booted.machine().held_mfn(0xa0), None);
    assert_eq!(booted.pages(), 0x6011 + 0x60);
}

#[test]
fn a_hole_of_part_of_a_page_takes_the_whole_page() {
    let mut guest = dom0(0x6000, 0x9000, &[]);
    guest.machine_map[0].len = 0x9_fc00;
    guest.machine_map.push(MapEntry { start: 0x10_0000, len: 0x900_0000, kind: RAM });
    let booted = fully_used(guest);
    assert_eq!(booted.pages(), 0x6000 + 0x61);
}

#[test]
fn holes_at_odd_places_and_with_and_without_the_notes() {
    for holes in [
        &[(0x4201, 0x4203, ACPI), (0x47ff, 0x5c01, RESERVED)][..],
        &[(0x4400, 0x4600, NVS)],
        &[(0x5fff, 0x7000, RESERVED)],
        &[(0x5000, 0x5001, RESERVED), (0x6100, 0x6300, RESERVED), (0x7000, 0x7001, ACPI)],
    ] {
        for line in ["", "map=lazy"] {
            let guest = dom0(0x6000, 0x20000, holes).with_command_line(line);
            fully_used(guest.clone().with_ramdisk(ramdisk()));
            fully_used(guest.with_notes().with_ramdisk(ramdisk()));
        }
    }
}

#[test]
fn memory_that_finds_no_other_number_goes_back_to_xen() {
    let guest = dom0(0x6000, 0x6000 + 0x10, &[(0x5000, 0x5123, RESERVED)]);
    let built = guest.build().unwrap();
    let before = built.machine.clone().current_reservation().unwrap();
    let booted = fully_used(guest);
    let after = booted.machine().clone().current_reservation().unwrap();
    assert_eq!(before - after, 0x123 - 0x10);
}

#[test]
fn with_the_list_left_in_place_memory_goes_back_and_the_list_is_changed() {
    for guest in
        [dom0(0x6000, 0x9000, &[(0xa0, 0x100, RESERVED)]), dom0(0x6000, 0x9000, &[(0x5000, 0x5400, ACPI)])]
    {
        for guest in [guest.clone(), guest.with_notes()] {
            let booted = booted(guest.with_command_line("revector=off"));
            assert_eq!(booted.pages(), 0x6000);
            assert_eq!(booted.machine().published().unwrap().p2m_cr3, 0, "the list is not the whole truth");
        }
    }
}

#[test]
fn a_hole_below_4_gib_as_machines_have_it() {
    // 5 GiB of memory, 1 GiB of it above 4 GiB.
    let guest = dom0(5 << 18, 7 << 18, &[(0xa0, 0x100, RESERVED), (3 << 18, 4 << 18, RESERVED)]);
    let booted = booted(guest.with_notes());
    assert_eq!(booted.pages(), (6 << 18) + 0x60);
}

#[test]
fn an_image_for_which_there_are_no_other_numbers_is_told_with_both_ranges() {
    for (line, end, lacking) in [
        ("", 0x6001, "1 page that stays in use needs a number"),
        ("revector=off", 0x6000, "2 pages that stay in use need numbers"),
    ] {
        let guest = dom0(0x6000, end, &[(0x1000, 0x1002, NVS)]).with_command_line(line);
        assert_eq!(
            refused(&guest),
            format!(
                "memory map: the kernel image at 0x1000000..0x1123000 lies where the machine has ACPI NVS \
                 0x1000000..0x1002000; {lacking} after the guest's last one where the machine has RAM; give the guest less \
                 memory, or boot it with e820_host=0 as domU"
            )
        );
    }
}

/// There is one number, and four pages of the image in two holes.
#[test]
fn all_pages_without_numbers_are_counted() {
    let line = refused(&dom0(0x6000, 0x6001, &[(0x1000, 0x1002, NVS), (0x1010, 0x1012, NVS)]));
    assert!(line.contains("ACPI NVS 0x1000000..0x1002000; 3 pages that stay in use need numbers"), "{line}");
}

#[test]
fn a_gap_under_the_image_is_told_too() {
    let mut guest = dom0(0x6000, 0x6000, &[]);
    guest.machine_map[0].len = 0x1001 << 12;
    guest.machine_map.push(MapEntry { start: 0x1005 << 12, len: 0x4ffb << 12, kind: RAM });
    let line = refused(&guest);
    assert!(
        line.contains("0x1000000..0x1123000 lies where the machine has no memory, 0x1001000..0x1005000"),
        "{line}"
    );
}

#[test]
fn a_ramdisk_in_the_way_is_moved_whole() {
    for guest in [dom0(0x6000, 0x9000, &[]), dom0(0x6000, 0x9000, &[]).with_notes()] {
        let guest = guest.with_ramdisk(ramdisk());
        let old = guest.build().unwrap().places.ramdisk.unwrap();
        for hole in
            [(old.start, old.start + 1), (old.start + 3, old.start + 7), (old.end - 1, old.end + 0x123)]
        {
            let guest =
                GuestConfig { machine_map: map(0x9000, &[(hole.0, hole.1, RESERVED)]), ..guest.clone() };
            // What follows a ramdisk in the boot mapping goes too: list, start_info, tables.
            let booted = fully_used(guest);
            let new = booted.running.ramdisk_pages().unwrap();
            assert!(new.start().get() >= old.end || new.end().get() <= old.start, "{new:?}");
            assert_eq!(booted.machine().held_mfn(hole.0), None);
        }
    }
}

#[test]
fn a_list_in_the_way_goes_when_it_is_copied_and_is_told_when_it_must_stay() {
    for guest in [dom0(0x6000, 0x9000, &[]), dom0(0x6000, 0x9000, &[]).with_notes()] {
        let list = guest.build().unwrap().places.list;
        let holes = [(list.start, list.start + 2, RESERVED)];
        let guest = GuestConfig { machine_map: map(0x9000, &holes), ..guest };
        let booted = fully_used(guest.clone());
        assert_eq!(booted.machine().held_mfn(list.start), None);
        let line = refused(&guest.with_command_line("revector=off"));
        assert!(
            line.contains("the builder's P2M list at") && line.ends_with("; boot with revector=on"),
            "{line}"
        );
    }
}

/// The list is released and the ramdisk moved before the chunk with both is mapped. When it is, pages that go back to
/// Xen are not handed out.
#[test]
fn what_is_not_mapped_yet_makes_way_too() {
    for pages in [0x6000, 0x2_0001] {
        let guest = dom0(pages, pages + 0x3000, &[]).with_notes().with_ramdisk(ramdisk());
        let places = guest.build().unwrap().places;
        let (list, ramdisk) = (places.list, places.ramdisk.unwrap());
        for (start, end) in [
            (list.start, list.start + 2),
            (list.end - 1, list.end + 1),
            (list.start, list.end),
            (ramdisk.end - 1, list.start + 2),
            (ramdisk.start, list.end),
        ] {
            let holes = [(start, end, RESERVED)];
            let guest = GuestConfig { machine_map: map(pages + 0x3000, &holes), ..guest.clone() };
            for line in ["", "map=lazy"] {
                let booted = fully_used(guest.clone().with_command_line(line));
                assert!(
                    (start..end).all(|pfn| booted.machine().held_mfn(pfn).is_none()),
                    "{start:#x} {line}"
                );
            }
        }
    }
}

#[test]
fn tables_stack_and_start_info_in_the_way_go_when_they_are_let_go() {
    let guest = dom0(0x6000, 0x9000, &[]);
    let places = guest.build().unwrap().places;
    for hole in [
        (places.start_info, places.start_info + 1, ACPI),
        (places.tables.start, places.tables.start + 1, ACPI),
        (places.tables.end - 1, places.stack + 1, ACPI),
        (places.start_info, places.end, RESERVED),
    ] {
        let booted = fully_used(GuestConfig { machine_map: map(0x9000, &[hole]), ..guest.clone() });
        assert_eq!(booted.machine().held_mfn(hole.0), None);
    }
}

#[test]
fn our_own_first_tables_are_memory_the_host_has() {
    // Just below the image, where the first tables would be.
    for hole in [(0xff0, 0x1000, ACPI), (0xfff, 0x1000, NVS), (0x20, 0x1000, RESERVED)] {
        fully_used(dom0(0x6000, 0x9000, &[hole]));
    }
}

#[test]
fn a_domu_with_the_hosts_map_makes_room_as_dom0_does() {
    let holes = [(0xa0, 0x100, RESERVED), (0x5000, 0x5800, ACPI)];
    let guest = GuestConfig { memory_map: map(0x9000, &holes), ..GuestConfig::new(0x6000) };
    let booted = fully_used(guest.with_ramdisk(ramdisk()));
    assert_eq!(booted.pages(), 0x6000 + 0x860);
}

#[test]
fn a_map_that_makes_no_sense_is_told() {
    for (entries, said) in [
        (vec![MapEntry { start: 0, len: 0x100_0000, kind: RESERVED }], "has no RAM"),
        (vec![MapEntry { start: 0x1000, len: u64::MAX, kind: RAM }], "ends after the last address"),
        (
            (0..300).map(|i| MapEntry { start: i << 16, len: 1 << 12, kind: RAM }).collect(),
            "more than 128 regions",
        ),
    ] {
        let built = GuestConfig { machine_map: entries, ..GuestConfig::dom0(0x6000) }.build().unwrap();
        let (_, failure) = built.boot().unwrap_err();
        assert!(
            matches!(failure.cause(), Cause::NoMap(_)) && failure.to_string().contains(said),
            "{failure}"
        );
    }
}

fn hosts() -> impl Strategy<Value = GuestConfig> {
    let kinds = prop::sample::select(vec![RESERVED, ACPI, NVS]);
    let holes = prop::collection::vec((0_u64..0x7000, 1_u64..0x500, kinds), 1..5);
    let lines = prop::sample::select(vec!["", "map=lazy", "revector=off"]);
    (0x2800_u64..0x6800, 0_u64..0x3000, holes, lines, any::<[bool; 3]>(), any::<u64>()).prop_map(
        |(pages, more, holes, line, [by_pfn, notes, host], seed)| {
            let holes: Vec<_> = holes.iter().map(|&(start, len, kind)| (start, start + len, kind)).collect();
            let map = map(pages + more, &holes);
            let mut guest = GuestConfig { image_start: 0x400, ..GuestConfig::new(pages) }
                .with_ramdisk(ramdisk())
                .with_command_line(line)
                .with_seed(seed);
            if host {
                (guest.domain, guest.machine_map) = (Domain::Dom0, map);
            } else {
                guest.memory_map = map;
            }
            guest.ramdisk_by_pfn = by_pfn;
            guest.init_p2m = notes.then_some(mmu::layout::INIT_P2M.as_u64());
            guest
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_host_of_any_shape_is_booted_on_or_the_conflict_is_told(guest in hosts()) {
        match guest.build().unwrap().boot() {
            Ok(booted) => {
                let mut booted = checked(guest, booted);
                booted.read_ramdisk();
                booted.use_and_check();
            }
            Err((built, failure)) => {
                let told = matches!(
                    failure.cause(),
                    Cause::Conflict(_) | Cause::NoMap(_) | Cause::Mmu(mmu::MmuError::NoFrames { .. } | mmu::MmuError::NoRun { .. })
                );
                prop_assert!(told, "{}", failure);
                audit::references(&built.machine).assert_none();
            }
        }
    }
}
