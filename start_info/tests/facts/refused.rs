//! One field damaged at a time: the refusal names it, with the numbers. Those of the list are in `refused_list.rs`.

use start_info::{Area, BootFacts, KernelEntry, Mfn, PageCount, Pfn, PfnRange, RingName, StartInfoError};
use x86_64::VirtAddr;

use crate::fixture::{Built, Fixture, at};

/// A damage, its refusal, and what the line must tell an admin.
pub(crate) type Case = (fn(&mut Built), StartInfoError, &'static [&'static str]);

pub(crate) fn check(sound: &Built, cases: &[Case]) {
    assert!(sound.parse().is_ok());
    for (index, (damage, expected, words)) in cases.iter().enumerate() {
        let mut built = sound.clone();
        damage(&mut built);
        assert_eq!(built.parse().err(), Some(*expected), "case {index}");
        let line = expected.to_string();
        for word in *words {
            assert!(line.contains(word), "case {index}: no {word:?} in {line:?}");
        }
        assert!(line.contains("; ") && !line.contains('\n'), "case {index}: no advice in {line:?}");
    }
}

pub(crate) fn pfns(start: u64, end: u64) -> PfnRange {
    PfnRange::between(Pfn::new(start), Pfn::new(end))
}

/// Where things are in `Fixture::dom_u()`: image 0x200..0x323, ramdisk ..0x336, list ..0x358, start_info, two rings,
/// tables 0x35b..0x360, stack, end 0x400.
#[test]
fn the_layout_the_cases_are_written_for() {
    let built = Fixture::dom_u().build().unwrap();
    assert_eq!(
        (built.image, built.ramdisk, built.list),
        ((0x200, 0x123), Some((0x323, 0x13)), (0x336, 0x22))
    );
    assert_eq!((built.start_info, built.tables, built.end), (0x358, (0x35b, 5), 0x400));
    assert_eq!(built.nr_pages, 0x4303);
}

#[test]
fn identity() {
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (
                |b| b.bytes(0, b"\x7fELF"),
                StartInfoError::Magic { found: *b"\x7fELF" },
                &["\\x7fELF", "xen-", "type=\"pv\""],
            ),
            (
                |b| b.int(0x030, 0x8000_0030),
                StartInfoError::UnknownFlags { flags: 0x8000_0030, unknown: 0x8000_0020 },
                &["0x80000030", "0x80000020"],
            ),
            (|b| b.int(0x030, 0x12), StartInfoError::UnprivilegedDom0 { flags: 0x12 }, &["0x12"]),
        ],
    );
}

#[test]
fn memory() {
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (
                |b| b.long(0x020, 0),
                StartInfoError::NrPages { found: 0, limit: 1 << 40 },
                &["0x0", "0x10000000000", "memory="],
            ),
            (
                |b| b.long(0x020, 1 << 40),
                StartInfoError::NrPages { found: 1 << 40, limit: 1 << 40 },
                &["nr_pages is 0x10000000000"],
            ),
            (
                |b| b.long(0x020, 0x35f),
                StartInfoError::FewPages { nr_pages: PageCount::new(0x35f), needed: 0x360 },
                &["0x35f", "0x360", "more memory"],
            ),
            (
                |b| b.long(0x020, 0x360),
                StartInfoError::PageTableCount { found: 5, least: 5, most: 4 },
                &["nr_pt_frames is 0x5", "0x4 have room"],
            ),
            // The list ends on start_info for 0x4201 to 0x4400 pages: one more, one fewer.
            (
                |b| b.long(0x020, 0x4401),
                StartInfoError::Misplaced {
                    area: Area::P2mList,
                    start: 0x336,
                    pages: 0x23,
                    room: pfns(0x323, 0x358),
                },
                &["0x336", "0x23", "0x323..0x358"],
            ),
            (
                |b| b.long(0x020, 0x4200),
                StartInfoError::ListEnd {
                    list: pfns(0x336, 0x357),
                    nr_pages: PageCount::new(0x4200),
                    start_info: Pfn::new(0x358),
                },
                &["0x4200", "0x336..0x357", "0x358"],
            ),
            (|b| b.long(0x028, 0), StartInfoError::SharedInfo { found: 0 }, &["0x0"]),
            (|b| b.long(0x028, 0x1008), StartInfoError::SharedInfo { found: 0x1008 }, &["0x1008"]),
            (
                |b| b.long(0x028, 1 << 52),
                StartInfoError::SharedInfo { found: 1 << 52 },
                &["0x10000000000000", "2^52"],
            ),
        ],
    );
}

#[test]
fn rings() {
    let (store, console) = (RingName::Xenstore, RingName::Console);
    let port = |ring, found| StartInfoError::RingPort { ring, found, limit: 4096 };
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (|b| b.long(0x038, 0), StartInfoError::RingFrame { ring: store, found: 0 }, &["xenstore", "0x0"]),
            (
                |b| b.long(0x048, 1 << 40),
                StartInfoError::RingFrame { ring: console, found: 1 << 40 },
                &["console", "0x10000000000"],
            ),
            (|b| b.int(0x040, 0), port(store, 0), &["xenstore", "channel 0,"]),
            (|b| b.int(0x050, 4096), port(console, 4096), &["console", "channel 4096,", "1..4096"]),
            (|b| b.int(0x050, 1), StartInfoError::SharedPort { port: 1 }, &["channel 1;"]),
            (
                |b| b.long(0x048, 0x56_789a),
                StartInfoError::SharedFrame { ring: console, mfn: Mfn::new(0x56_789a) },
                &["console", "0x56789a"],
            ),
            (
                |b| b.long(0x038, 0x71_2345),
                StartInfoError::SharedFrame { ring: store, mfn: Mfn::new(0x71_2345) },
                &["xenstore", "0x712345"],
            ),
            (
                |b| b.long(0x048, 0x71_2345),
                StartInfoError::SharedFrame { ring: console, mfn: Mfn::new(0x71_2345) },
                &["console", "0x712345"],
            ),
        ],
    );
    let vga = |offset, size| StartInfoError::VgaInfo { offset, size, first: 0x490 };
    check(
        &Fixture::dom0().build().unwrap(),
        &[
            (|b| b.long(0x038, 7), StartInfoError::XenstoreInDom0 { mfn: 7, port: 0 }, &["0x7"]),
            (|b| b.int(0x040, 9), StartInfoError::XenstoreInDom0 { mfn: 0, port: 9 }, &["channel 9)"]),
            (|b| b.int(0x048, 0x48f), vga(0x48f, 0x28), &["0x28", "0x48f", "0x490..0x1000"]),
            (|b| b.int(0x048, 0xfd9), vga(0xfd9, 0x28), &["0xfd9"]),
            (|b| b.int(0x048, u32::MAX), vga(u32::MAX, 0x28), &["0xffffffff"]),
            (|b| b.int(0x04c, 0), vga(0x490, 0), &["0x0 bytes"]),
            (|b| b.int(0x048, 0), vga(0, 0x28), &["at 0x0"]),
        ],
    );
}

#[test]
fn page_tables() {
    let base = |found| StartInfoError::PageTableBase { found, expected: at(0x35b) };
    let count = |found, least| StartInfoError::PageTableCount { found, least, most: 0x3fa7 };
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (|b| b.long(0x058, 0), base(0), &["0x0", "0xffffffff8035b000"]),
            (|b| b.long(0x058, at(0x35c).as_u64()), base(at(0x35c).as_u64()), &["0xffffffff8035c000"]),
            (
                |b| b.long(0x058, at(0x35b).as_u64() + 8),
                base(at(0x35b).as_u64() + 8),
                &["0xffffffff8035b008"],
            ),
            (|b| b.long(0x060, 0), count(0, 5), &["0x0,", "0x5 at least"]),
            (|b| b.long(0x060, 4), count(4, 5), &["0x4,", "0x5 at least"]),
            // The tables of more tables than one L1 table maps.
            (|b| b.long(0x060, 0x3fa8), count(0x3fa8, 0x25), &["0x3fa8,", "0x3fa7 have room"]),
            (|b| b.long(0x060, u64::MAX), count(u64::MAX, 0x25), &["0xffffffffffffffff"]),
        ],
    );
    // dom0 has no rings: its tables are expected two pages earlier.
    check(
        &Fixture::dom_u().build().unwrap(),
        &[(
            |b| b.int(0x030, 0x303),
            StartInfoError::PageTableBase { found: at(0x35b).as_u64(), expected: at(0x359) },
            &["0xffffffff8035b000", "0xffffffff80359000"],
        )],
    );
}

#[test]
fn ramdisks() {
    let mapped = |start, pages| StartInfoError::Misplaced {
        area: Area::MappedRamdisk,
        start,
        pages,
        room: pfns(0x323, 0x358),
    };
    let address = |found| StartInfoError::RamdiskAddress { found, virt_base: at(0) };
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (|b| b.long(0x070, 0x400), address(0x400), &["0x400", "0xffffffff80000000"]),
            (|b| b.long(0x070, 1 << 63), address(1 << 63), &["0x8000000000000000"]),
            (
                |b| b.long(0x070, at(0x323).as_u64() + 1),
                address(at(0x323).as_u64() + 1),
                &["0xffffffff80323001"],
            ),
            (|b| b.long(0x070, at(0x322).as_u64()), mapped(0x322, 0x13), &["0x322", "0x13", "0x323..0x358"]),
            (|b| b.long(0x070, at(0x400).as_u64()), mapped(0x400, 0x13), &["0x400"]),
            (|b| b.long(0x078, u64::MAX), mapped(0x323, 1 << 52), &["0x10000000000000"]),
            (
                |b| b.long(0x078, 0x13 * 4096 + 1),
                StartInfoError::RamdiskInList { ramdisk: pfns(0x323, 0x337), list: pfns(0x336, 0x358) },
                &["0x323..0x337", "0x336..0x358"],
            ),
        ],
    );
    let unmapped_in =
        |room, start, pages| StartInfoError::Misplaced { area: Area::UnmappedRamdisk, start, pages, room };
    let unmapped = |start, pages| unmapped_in(pfns(0x34e, 0x4303), start, pages);
    check(
        &Fixture::dom_u_pfn().build().unwrap(),
        &[
            (
                |b| b.long(0x070, 0x34d),
                unmapped(0x34d, 0x13),
                &["0x34d", "0x13", "0x34e..0x4303", "smaller ramdisk"],
            ),
            (|b| b.long(0x070, 0x42f1), unmapped(0x42f1, 0x13), &["0x42f1"]),
            (|b| b.long(0x070, u64::MAX), unmapped(u64::MAX, 0x13), &["0xffffffffffffffff"]),
            (|b| b.long(0x078, (0x3f03 << 12) + 1), unmapped(0x400, 0x3f04), &["0x3f04"]),
            // The address of a mapped ramdisk is not a page number, and the other way round.
            (|b| b.int(0x030, 0x10), address(0x400), &["0x400", "MOD_START_PFN"]),
        ],
    );
    check(
        &Fixture::dom_u().build().unwrap(),
        &[(
            |b| b.int(0x030, 0x18),
            unmapped_in(pfns(0x361, 0x4303), at(0x323).as_u64(), 0x13),
            &["0xffffffff80323000", "0x361..0x4303"],
        )],
    );
}

#[test]
fn command_line() {
    check(
        &Fixture::dom_u().build().unwrap(),
        &[(
            |b| b.bytes(0x080, &[b'x'; 1024]),
            StartInfoError::CommandLine { limit: 1024 },
            &["1024", "extra="],
        )],
    );
}

#[test]
fn what_the_kernel_says_of_itself() {
    let start_info = |found| StartInfoError::StartInfoAddress { found, image_end: at(0x323) };
    let image = |start, end| StartInfoError::Image { start, end, virt_base: at(0) };
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (
                |b| b.entry.virt_base = at(0x200),
                StartInfoError::VirtBase { found: at(0x200), alignment: 0x40_0000 },
                &["0xffffffff80200000", "0x400000"],
            ),
            (
                |b| b.entry.image_start = at(0x200) + 1,
                image(at(0x200) + 1, at(0x323)),
                &["0xffffffff80200001..0xffffffff80323000"],
            ),
            (
                |b| b.entry.image_end = at(0x323) - 1,
                image(at(0x200), at(0x323) - 1),
                &["0xffffffff80322fff", "linker"],
            ),
            (|b| b.entry.image_end = at(0x200), image(at(0x200), at(0x200)), &["0xffffffff80200000"]),
            (|b| b.entry.image_start = at(0) - 4096, image(at(0) - 4096, at(0x323)), &["0xffffffff7ffff000"]),
            (|b| b.entry.start_info = at(0x358) + 8, start_info(at(0x358) + 8), &["0xffffffff80358008"]),
            (
                |b| b.entry.start_info = at(0x322),
                start_info(at(0x322)),
                &["0xffffffff80322000", "0xffffffff80323000"],
            ),
            (|b| b.entry.start_info = VirtAddr::new(0), start_info(VirtAddr::new(0)), &["at 0x0"]),
            (
                |b| b.entry.start_info = at(0x7_ffff),
                StartInfoError::AddressSpace { virt_base: at(0), start_info: at(0x7_ffff) },
                &["0xffffffff80000000", "0xfffffffffffff000", "MOD_START_PFN"],
            ),
            // The kernel is larger than the builder thinks.
            (
                |b| b.entry.image_end = at(0x324),
                StartInfoError::Misplaced {
                    area: Area::MappedRamdisk,
                    start: 0x323,
                    pages: 0x13,
                    room: pfns(0x324, 0x358),
                },
                &["the mapped ramdisk", "0x324..0x358"],
            ),
        ],
    );
}

/// A mapping may reach the top of the address space: its end is then 2^64, which is not an address.
#[test]
fn the_last_4_mib_of_the_address_space_can_be_mapped() {
    let top = |room: u64| {
        let start_info = 0x8_0000 - room;
        let image = (0x1000, start_info - 0x1000 - (0x10_0000_u64 * 8).div_ceil(4096));
        Fixture { nr_pages: 0x10_0000, image, ramdisk: 0, ..Fixture::dom_u() }
    };
    // start_info and rings, 1 + 1 + 2 + 1024 tables, the stack, 128 pages of padding.
    let mut built = top(3 + 1028 + 1 + 128).build().unwrap();
    assert_eq!(built.end, 0x8_0000);
    assert_eq!(built.parse().unwrap().least_boot_end().get(), 0x8_0000 - 128);

    // All without the padding, and one page beyond the last.
    let mut move_up = |pages: u64| {
        built.entry.start_info += pages * 4096;
        for field in [0x058, 0x068] {
            let address = u64::from_le_bytes(built.page[field..][..8].try_into().unwrap());
            built.long(field, address + pages * 4096);
        }
        built.parse()
    };
    assert_eq!(move_up(128).unwrap().least_boot_end().get(), 0x8_0000);
    let beyond = StartInfoError::PageTableCount { found: 1028, least: 1028, most: 1027 };
    assert_eq!(move_up(1).unwrap_err(), beyond);
}

/// A kernel linked at the bottom of the address space ends where the addresses do.
#[test]
fn a_mapping_in_the_lower_half_stays_there() {
    let built = Fixture::dom_u().build().unwrap();
    let base = VirtAddr::new(0x7fff_ffc0_0000);
    let entry = KernelEntry {
        virt_base: base,
        image_start: base,
        image_end: base + 4096,
        start_info: base + 0x3f_f000,
    };
    assert_eq!(
        BootFacts::parse(&built.page, &entry).unwrap_err(),
        StartInfoError::AddressSpace { virt_base: base, start_info: base + 0x3f_f000 }
    );
}
