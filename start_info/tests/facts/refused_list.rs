//! One field of the list damaged at a time, as `refused.rs` does with the other fields.

use start_info::{Area, PageCount, Pfn, StartInfoError};
use x86_64::VirtAddr;

use crate::fixture::{Fixture, at};
use crate::refused::{check, pfns};

#[test]
fn a_list_in_the_boot_mapping() {
    let misplaced = |start| StartInfoError::Misplaced {
        area: Area::P2mList,
        start,
        pages: 0x22,
        room: pfns(0x323, 0x358),
    };
    check(
        &Fixture::dom_u().build().unwrap(),
        &[
            (
                |b| b.long(0x068, at(0x336).as_u64() + 8),
                StartInfoError::ListAddress { found: 0xffff_ffff_8033_6008 },
                &["0xffffffff80336008", "0x1000", "INIT_P2M"],
            ),
            (|b| b.long(0x068, 1 << 47), StartInfoError::ListAddress { found: 1 << 47 }, &["0x800000000000"]),
            (
                |b| b.long(0x068, 0x80_0000_0000),
                StartInfoError::ListOutside { at: VirtAddr::new(0x80_0000_0000), virt_base: at(0) },
                &["0x8000000000", "0xffffffff80000000"],
            ),
            (|b| b.long(0x068, at(0x322).as_u64()), misplaced(0x322), &["P2M list", "0x322", "0x323..0x358"]),
            (|b| b.long(0x068, at(0x337).as_u64()), misplaced(0x337), &["0x337", "0x22"]),
            (
                |b| b.long(0x068, at(0x335).as_u64()),
                StartInfoError::ListEnd {
                    list: pfns(0x335, 0x357),
                    nr_pages: PageCount::new(0x4303),
                    start_info: Pfn::new(0x358),
                },
                &["0x4303", "0x335..0x357"],
            ),
            (
                |b| b.long(0x488, 0x22),
                StartInfoError::ListInMapping {
                    at: at(0x336),
                    last: at(0x358) - 1,
                    mapping: (at(0), at(0x361) - 1),
                },
                &["0xffffffff80336000-0xffffffff80357fff", "0xffffffff80000000-0xffffffff80360fff"],
            ),
        ],
    );
}

/// In `Fixture::dom_u_init_p2m()`: ramdisk 0x400..0x413, list and tables 0x413..0x438.
#[test]
fn the_address_of_a_list_at_an_address_of_its_own() {
    let hole = (VirtAddr::new(0xffff_8000_0000_0000), VirtAddr::new(0xffff_87ff_ffff_ffff));
    let in_hole = |at: u64| {
        let at = VirtAddr::new(at);
        StartInfoError::ListInHole { at, last: at + (0x22 * 4096 - 1), hole }
    };
    let in_mapping = |start: VirtAddr| StartInfoError::ListInMapping {
        at: start,
        last: start + (0x22 * 4096 - 1),
        mapping: (at(0), at(0x32c) - 1),
    };
    check(
        &Fixture::dom_u_init_p2m().build().unwrap(),
        &[
            (
                |b| b.long(0x068, 0x80_0000_0123),
                StartInfoError::ListAddress { found: 0x80_0000_0123 },
                &["0x8000000123", "INIT_P2M"],
            ),
            (
                |b| b.long(0x068, 0xffff_ffff_ffff_f000),
                StartInfoError::ListExtent { at: VirtAddr::new(0xffff_ffff_ffff_f000), pages: 0x22 },
                &["0xfffffffffffff000", "0x22"],
            ),
            (
                |b| b.long(0x068, 0x7fff_ffff_f000),
                StartInfoError::ListExtent { at: VirtAddr::new(0x7fff_ffff_f000), pages: 0x22 },
                &["0x7ffffffff000"],
            ),
            (
                |b| b.long(0x068, hole_first()),
                in_hole(hole_first()),
                &[
                    "0xffff800000000000-0xffff800000021fff",
                    "0xffff800000000000-0xffff87ffffffffff",
                    "INIT_P2M",
                ],
            ),
            (
                |b| b.long(0x068, 0xffff_87ff_ffff_f000),
                in_hole(0xffff_87ff_ffff_f000),
                &["0xffff87fffffff000"],
            ),
            (
                |b| b.long(0x068, at(0).as_u64() - 0x21 * 4096),
                in_mapping(at(0) - 0x21 * 4096),
                &["0xffffffff80000000"],
            ),
            (|b| b.long(0x068, at(0x32b).as_u64()), in_mapping(at(0x32b)), &["0xffffffff8032bfff"]),
        ],
    );
}

#[test]
fn the_frames_of_a_list_at_an_address_of_its_own() {
    let misplaced = |start, pages| StartInfoError::Misplaced {
        area: Area::P2mFrames,
        start,
        pages,
        room: pfns(0x32c, 0x4303),
    };
    check(
        &Fixture::dom_u_init_p2m().build().unwrap(),
        &[
            (
                |b| b.long(0x488, 0x21),
                StartInfoError::FewListFrames { found: 0x21, needed: 0x22 },
                &["0x21", "0x22"],
            ),
            (|b| b.long(0x480, 0x32b), misplaced(0x32b, 0x25), &["0x32b", "0x25", "0x32c..0x4303"]),
            (|b| b.long(0x480, 0x42df), misplaced(0x42df, 0x25), &["0x42df"]),
            (|b| b.long(0x480, u64::MAX), misplaced(u64::MAX, 0x25), &["0xffffffffffffffff"]),
            (|b| b.long(0x488, u64::MAX), misplaced(0x413, u64::MAX), &["0xffffffffffffffff"]),
            (
                |b| b.long(0x480, 0x412),
                StartInfoError::RamdiskInList { ramdisk: pfns(0x400, 0x413), list: pfns(0x412, 0x437) },
                &["0x400..0x413", "0x412..0x437"],
            ),
            // No longer pages of its own, but still an address of its own.
            (
                |b| b.long(0x488, 0),
                StartInfoError::ListOutside { at: VirtAddr::new(0x80_0000_0000), virt_base: at(0) },
                &["0x8000000000"],
            ),
        ],
    );
}

fn hole_first() -> u64 {
    0xffff_8000_0000_0000
}
