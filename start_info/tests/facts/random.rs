//! Damage without a plan: no panic, and whatever is accepted can be built on.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use start_info::{BootFacts, Console, Entry, P2mPlace, Pfn, PfnRange, Ring};

use crate::fixture::{Built, Fixture, VIRT_BASE};

/// What the stages after the parser rely on without asking again.
fn check_invariants(facts: &BootFacts, entry: &Entry) {
    check_areas(facts);
    check_list(facts, entry);
    let root = entry.virt_base.as_u64() + facts.page_tables().pfns.start().get() * 4096;
    assert_eq!(facts.page_tables().root.as_u64(), root);
    assert_eq!(facts.boot_stack(), facts.page_tables().pfns.end());
    assert!(facts.least_boot_end().get() - facts.boot_stack().get() > 128);
    assert!(facts.least_boot_end().get().is_multiple_of(1024));
    assert!(facts.shared_info().get().is_multiple_of(4096) && facts.shared_info().get() > 0);
    check_rings(facts);
    assert!(facts.command_line().as_str().len() < 1024);
}

/// Every area is in memory, and no two meet.
fn check_areas(facts: &BootFacts) {
    let one = |pfn: Pfn| (pfn.get(), pfn.get() + 1);
    let run = |pfns: PfnRange| (pfns.start().get(), pfns.end().get());
    let nr_pages = facts.nr_pages().get();
    let rings = if facts.is_dom0() { 0 } else { 2 };
    let (P2mPlace::Image(list) | P2mPlace::Own(list)) = facts.p2m_list().place;
    let mut areas = vec![
        ("low memory", run(facts.low_memory())),
        ("image", run(facts.image())),
        ("list", run(list)),
        ("start_info", one(facts.start_info_pfn())),
        ("rings", (facts.start_info_pfn().get() + 1, facts.start_info_pfn().get() + 1 + rings)),
        ("tables", run(facts.page_tables().pfns)),
        ("stack", one(facts.boot_stack())),
        ("padding", (facts.boot_stack().get() + 1, facts.least_boot_end().get())),
    ];
    if let Some(ramdisk) = facts.ramdisk() {
        assert!(ramdisk.len.div_ceil(4096) == ramdisk.pfns.len().get(), "{ramdisk:?}");
        assert_eq!(ramdisk.mapped, ramdisk.pfns.end() <= facts.start_info_pfn(), "{ramdisk:?}");
        areas.push(("ramdisk", run(ramdisk.pfns)));
    }
    for (index, (name, area)) in areas.iter().enumerate() {
        assert!(area.0 <= area.1 && area.1 <= nr_pages, "{name} {area:x?} is not in {nr_pages:#x}");
        for (other_name, other) in &areas[..index] {
            let apart = area.1 <= other.0 || other.1 <= area.0 || area.0 == area.1 || other.0 == other.1;
            assert!(apart, "{name} {area:x?} meets {other_name} {other:x?}");
        }
    }
}

fn check_list(facts: &BootFacts, entry: &Entry) {
    let list_pages = (facts.nr_pages().get() * 8).div_ceil(4096);
    let list_at = facts.p2m_list().at.as_u64();
    assert!(list_at.is_multiple_of(4096) && list_at.checked_add(list_pages * 4096 - 1).is_some());
    match facts.p2m_list().place {
        P2mPlace::Image(pfns) => {
            assert_eq!(pfns.len().get(), list_pages);
            assert_eq!(list_at, entry.virt_base.as_u64() + pfns.start().get() * 4096);
        }
        P2mPlace::Own(pfns) => {
            assert!(pfns.len().get() >= list_pages);
            let (first, end) = (list_at >> 12, (list_at >> 12) + list_pages);
            assert!(end <= 0xffff_8000_0000_0000 >> 12 || first >= 0xffff_8800_0000_0000 >> 12);
            let base = entry.virt_base.as_u64() >> 12;
            assert!(end <= base || first >= base + facts.least_boot_end().get());
        }
    }
}

fn check_rings(facts: &BootFacts) {
    match facts.console() {
        Console::Ring(console) => {
            let apart = |xenstore: Ring| console.mfn != xenstore.mfn && console.port != xenstore.port;
            let there = |ring: Ring| ring.mfn.get() > 0 && (1..4096).contains(&ring.port);
            assert!(!facts.is_dom0() && there(console));
            assert!(facts.xenstore().is_some_and(|xenstore| there(xenstore) && apart(xenstore)));
        }
        Console::Hypervisor { vga } => {
            assert!(facts.is_dom0() && facts.xenstore().is_none());
            assert!(vga.is_none_or(|vga| vga.offset >= 1168 && vga.offset + vga.size <= 4096));
        }
    }
}

/// Parses; prints either result, because printing must not panic either.
fn try_parse(built: &Built) -> bool {
    match built.parse() {
        Ok(facts) => {
            check_invariants(&facts, &built.entry);
            assert!(!format!("{facts:?}").is_empty());
            true
        }
        Err(error) => {
            let line = error.to_string();
            assert!(
                !line.contains('\n') && line.contains(|c: char| c.is_ascii_digit() || c == '"'),
                "{line}"
            );
            false
        }
    }
}

#[test]
fn every_damage_to_a_single_byte_is_survived() {
    for fixture in Fixture::all() {
        let mut built = fixture.build().unwrap();
        for offset in 0..4096 {
            let original = built.page[offset];
            // The text of the command line and the bytes behind the fields have no structure to search.
            let structured = offset < 0x80 || (0x480..0x490).contains(&offset);
            let step = if structured { 1 } else { 51 };
            for value in (0..=255_u8).step_by(step) {
                built.page[offset] = value;
                try_parse(&built);
            }
            built.page[offset] = original;
        }
    }
}

#[test]
fn every_damage_to_entry_is_survived() {
    for fixture in Fixture::all() {
        let built = fixture.build().unwrap();
        for bit in 0..64 {
            let flip =
                |address: x86_64::VirtAddr| x86_64::VirtAddr::new_truncate(address.as_u64() ^ (1 << bit));
            let Entry { start_info, virt_base, image_start, image_end } = built.entry;
            for entry in [
                Entry { start_info: flip(start_info), ..built.entry },
                Entry { virt_base: flip(virt_base), ..built.entry },
                Entry { image_start: flip(image_start), ..built.entry },
                Entry { image_end: flip(image_end), ..built.entry },
            ] {
                try_parse(&Built { entry, ..built.clone() });
            }
        }
    }
}

/// Offset and size of every field.
const FIELDS: [(usize, usize); 19] = [
    (0x00, 4),
    (0x20, 8),
    (0x28, 8),
    (0x30, 4),
    (0x38, 8),
    (0x40, 4),
    (0x48, 8),
    (0x48, 4),
    (0x4c, 4),
    (0x50, 4),
    (0x58, 8),
    (0x60, 8),
    (0x68, 8),
    (0x70, 8),
    (0x78, 8),
    (0x80, 8),
    (0x478, 8),
    (0x480, 8),
    (0x488, 8),
];

/// Numbers near a limit of some field.
fn values() -> impl Strategy<Value = u64> {
    let near = |middle: u64| (0_u64..5).prop_map(move |offset| middle.wrapping_add(offset).wrapping_sub(2));
    prop_oneof![
        (0_u32..64, 0_u64..5)
            .prop_map(|(shift, offset)| (1_u64 << shift).wrapping_add(offset).wrapping_sub(2)),
        near(u64::MAX),
        near(0xffff_8000_0000_0000),
        near(0xffff_8800_0000_0000),
        near(0x0000_8000_0000_0000),
        (0_u64..0x4000).prop_map(|page| VIRT_BASE + page * 4096),
        0_u64..0x4000,
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(8_000))]

    #[test]
    fn pages_with_several_damaged_fields_are_survived(
        fixture in select(Fixture::all().to_vec()),
        damages in proptest::collection::vec((select(FIELDS.to_vec()), values()), 1..4),
    ) {
        let mut built = fixture.build().unwrap();
        for ((offset, size), value) in damages {
            built.bytes(offset, &value.to_le_bytes()[..size]);
        }
        try_parse(&built);
    }

    #[test]
    fn random_entries_are_survived(
        fixture in select(Fixture::all().to_vec()),
        addresses in proptest::array::uniform4(values()),
        keep in proptest::array::uniform4(any::<bool>()),
    ) {
        let mut built = fixture.build().unwrap();
        let Entry { start_info, virt_base, image_start, image_end } = &mut built.entry;
        for ((address, value), keep) in [start_info, virt_base, image_start, image_end].into_iter().zip(addresses).zip(keep) {
            if !keep {
                *address = x86_64::VirtAddr::new_truncate(value & !0xfff);
            }
        }
        try_parse(&built);
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(4_000))]

    #[test]
    fn random_pages_are_survived(
        fields in proptest::collection::vec(any::<u8>(), 1168),
        magic in prop_oneof![Just(*b"xen-"), any::<[u8; 4]>()],
        flags in prop_oneof![select(vec![0, 8, 0x10, 0x303, 0x30b]), any::<u32>()],
    ) {
        let mut built = Fixture::dom_u().build().unwrap();
        built.bytes(0, &fields);
        built.bytes(0, &magic);
        built.int(0x30, flags);
        try_parse(&built);
    }
}
