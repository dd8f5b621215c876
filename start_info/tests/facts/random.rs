//! Random damage: no panic, and every accepted page can be built on.

use kit::random::{Random, repeat};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use proptest::sample::select;
use start_info::KernelEntry;
use x86_64::VirtAddr;

use crate::fixture::{Built, Fixture, VIRT_BASE};
use crate::invariants::try_parse;

#[test]
fn every_damage_to_a_single_byte_is_survived() {
    for fixture in Fixture::all() {
        let mut built = fixture.build().unwrap();
        for offset in 0..4096 {
            let original = built.page[offset];
            // The command line and the bytes after the fields have no structure to search.
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
            let flip = |address: VirtAddr| VirtAddr::new_truncate(address.as_u64() ^ (1 << bit));
            let KernelEntry { start_info, virt_base, image_start, image_end } = built.entry;
            for entry in [
                KernelEntry { start_info: flip(start_info), ..built.entry },
                KernelEntry { virt_base: flip(virt_base), ..built.entry },
                KernelEntry { image_start: flip(image_start), ..built.entry },
                KernelEntry { image_end: flip(image_end), ..built.entry },
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
        let KernelEntry { start_info, virt_base, image_start, image_end } = &mut built.entry;
        for ((address, value), keep) in [start_info, virt_base, image_start, image_end].into_iter().zip(addresses).zip(keep) {
            if !keep {
                *address = VirtAddr::new_truncate(value & !0xfff);
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

/// Damages a page or what the kernel knows by itself, in one way.
fn spoil(random: &mut Random, built: &mut Built, others: &[Built]) {
    let at = random.of(&FIELDS).0;
    let page = &mut built.page;
    match random.below(8) {
        0 => page[random.index(4096)] = random.word() as u8,
        1 => page[at + random.index(8)] ^= 1 << random.below(8),
        2 => page[at..at + 8].copy_from_slice(&random.edge().to_le_bytes()),
        3 => page[at..at + 4].copy_from_slice(&(random.edge() as u32).to_le_bytes()),
        // One field of another guest, or one field of this guest in place of another.
        4 => page[at..at + 8].copy_from_slice(&others[random.index(others.len())].page[at..at + 8]),
        5 => page.copy_within(at..at + 8, random.of(&FIELDS).0),
        6 => {
            let near = u64::from_le_bytes(page[at..at + 8].try_into().unwrap());
            let step = random.of(&[1, 8, 511, 512, 4095, 4096, 0x20_0000]);
            let value = if random.one_in(2) { near.wrapping_add(step) } else { near.wrapping_sub(step) };
            page[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        _ => {
            let KernelEntry { start_info, virt_base, image_start, image_end } = &mut built.entry;
            let address = [start_info, virt_base, image_start, image_end].into_iter().nth(random.index(4));
            *address.unwrap() = VirtAddr::new_truncate(random.edge());
        }
    }
}

#[test]
fn any_bytes_are_refused_with_one_line_or_make_facts_that_can_be_built_on() {
    let whole: Vec<Built> = Fixture::all().iter().map(|fixture| fixture.build().unwrap()).collect();
    let (mut accepted, mut refused) = (0_u64, 0_u64);
    repeat("start_info", 60_000, |random| {
        let mut built = whole[random.index(whole.len())].clone();
        for _ in 0..=random.below(3) {
            spoil(random, &mut built, &whole);
        }
        if try_parse(&built) { accepted += 1 } else { refused += 1 }
    });
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused: one side was not tried");
}
