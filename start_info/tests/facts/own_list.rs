//! One field of a P2M list at an address of its own damaged at a time.
//!
//! In `Fixture::dom_u_init_p2m()` the ramdisk is at 0x400..0x413, list and tables are at 0x413..0x438.

use start_info::{Area, Error};
use x86_64::VirtAddr;

use crate::{
    fixture::{Fixture, at},
    refused::{check, pfns},
};

#[test]
fn a_list_at_an_address_of_its_own() {
    let hole = (VirtAddr::new(0xffff_8000_0000_0000), VirtAddr::new(0xffff_87ff_ffff_ffff));
    let in_hole = |at: u64| {
        let at = VirtAddr::new(at);
        Error::ListInHole { at, last: at + (0x22 * 4096 - 1), hole }
    };
    let in_mapping = |start: VirtAddr| Error::ListInMapping {
        at: start,
        last: start + (0x22 * 4096 - 1),
        mapping: (at(0), at(0x400) - 1),
    };
    check(
        &Fixture::dom_u_init_p2m().build().unwrap(),
        &[
            (
                |b| b.long(0x068, 0x80_0000_0123),
                Error::ListAddress { found: 0x80_0000_0123 },
                &["0x8000000123", "INIT_P2M"],
            ),
            (
                |b| b.long(0x068, 0xffff_ffff_ffff_f000),
                Error::ListExtent { at: VirtAddr::new(0xffff_ffff_ffff_f000), pages: 0x22 },
                &["0xfffffffffffff000", "0x22"],
            ),
            (
                |b| b.long(0x068, 0x7fff_ffff_f000),
                Error::ListExtent { at: VirtAddr::new(0x7fff_ffff_f000), pages: 0x22 },
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
            (|b| b.long(0x068, at(0x3ff).as_u64()), in_mapping(at(0x3ff)), &["0xffffffff803fffff"]),
        ],
    );
}

#[test]
fn the_pages_of_such_a_list() {
    let misplaced =
        |start, pages| Error::Misplaced { area: Area::P2mFrames, start, pages, room: pfns(0x400, 0x4303) };
    check(
        &Fixture::dom_u_init_p2m().build().unwrap(),
        &[
            (|b| b.long(0x488, 0x21), Error::FewListFrames { found: 0x21, needed: 0x22 }, &["0x21", "0x22"]),
            (|b| b.long(0x480, 0x3ff), misplaced(0x3ff, 0x25), &["0x3ff", "0x25", "0x400..0x4303"]),
            (|b| b.long(0x480, 0x42df), misplaced(0x42df, 0x25), &["0x42df"]),
            (|b| b.long(0x480, u64::MAX), misplaced(u64::MAX, 0x25), &["0xffffffffffffffff"]),
            (|b| b.long(0x488, u64::MAX), misplaced(0x413, u64::MAX), &["0xffffffffffffffff"]),
            (
                |b| b.long(0x480, 0x412),
                Error::RamdiskInList { ramdisk: pfns(0x400, 0x413), list: pfns(0x412, 0x437) },
                &["0x400..0x413", "0x412..0x437"],
            ),
            // No pages of its own any more, but still an address of its own.
            (
                |b| b.long(0x488, 0),
                Error::ListOutside { at: VirtAddr::new(0x80_0000_0000), virt_base: at(0) },
                &["0x8000000000"],
            ),
        ],
    );
}

fn hole_first() -> u64 {
    0xffff_8000_0000_0000
}
