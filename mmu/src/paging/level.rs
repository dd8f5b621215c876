//! The four levels of page tables, as types, and the index of an address at each.
//!
//! *What this is*: markers that keep an L2 entry out of an L3 table, and the arithmetic of nine bits a level.
//!
//! *What must hold*: the traits are sealed; there are four levels and no more.

use start_info::{Index, PAGE_SIZE};
use x86_64::VirtAddr;

mod sealed {
    /// Nobody outside this file can name it, so nobody can add a level.
    pub(crate) trait Sealed {}
}

/// What every level has.
pub(crate) trait Arithmetic: sealed::Sealed {
    /// The number Xen gives the level: 1 for the tables whose entries map pages.
    const NUMBER: u8;

    /// Returns which entry of a table of this level covers `address`.
    #[must_use]
    fn index(address: VirtAddr) -> Index {
        Index::containing(address.as_u64() >> (12 + 9 * u32::from(Self::NUMBER - 1)))
    }

    /// How many bytes one entry of this level covers.
    const REACH: u64 = PAGE_SIZE << (9 * (Self::NUMBER - 1));
}

/// A level of page tables.
pub(crate) trait Level: Arithmetic {}

/// A level whose entries lead to tables.
pub(crate) trait Inner: Level {
    /// The level of those tables.
    type Below: Level;
}

macro_rules! level {
    ($name:ident, $number:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub(crate) enum $name {}
        impl sealed::Sealed for $name {}
        impl Arithmetic for $name {
            const NUMBER: u8 = $number;
        }
        impl Level for $name {}
    };
}

level!(L1, 1, "Tables whose entries map pages of 4 KiB.");
level!(L2, 2, "Tables whose entries cover 2 MiB.");
level!(L3, 3, "Tables whose entries cover 1 GiB.");
level!(L4, 4, "Top-level tables; an entry covers 512 GiB.");

impl Inner for L2 {
    type Below = L1;
}
impl Inner for L3 {
    type Below = L2;
}
impl Inner for L4 {
    type Below = L3;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_documents_addresses_have_the_slots_xen_prints() {
        let slots = |address| {
            let address = VirtAddr::new(address);
            [L4::index(address), L3::index(address), L2::index(address), L1::index(address)].map(Index::get)
        };
        assert_eq!(slots(0xffff_8000_0000_0000), [256, 0, 0, 0]);
        assert_eq!(slots(0xffff_8800_0000_0000), [272, 0, 0, 0]);
        assert_eq!(slots(0xffff_ffff_a25c_7000), [511, 510, 274, 455]);
        assert_eq!(slots(0xffff_ffff_ffff_f000), [511, 511, 511, 511]);
        assert_eq!((L1::REACH, L2::REACH, L3::REACH, L4::REACH), (1 << 12, 1 << 21, 1 << 30, 1 << 39));
    }

    /// All four indices of an address.
    fn indices(address: u64) -> [u16; 4] {
        let address = VirtAddr::new(address);
        [L1::index(address), L2::index(address), L3::index(address), L4::index(address)].map(Index::get)
    }

    /// Puts an address together from its indices, lowest level first; the top half of the address space is that of the
    /// upper 256 top-level entries.
    fn address(indices: [u16; 4]) -> u64 {
        let half = if indices[3] >= 256 { 0xffff_0000_0000_0000 } else { 0 };
        (0..4).fold(half, |address, level| address + (u64::from(indices[level]) << [12, 21, 30, 39][level]))
    }

    // Instead of a proof by Kani: nine bits a level are few enough to try each pair of levels in full.
    #[test]
    fn every_index_of_every_level_is_found_whatever_the_others_are() {
        for level in 0..4 {
            for other in (0..4).filter(|&other| other != level) {
                for index in 0..512 {
                    for beside in 0..512 {
                        let mut expected = [0, 511, 0, 511];
                        (expected[level], expected[other]) = (index, beside);
                        assert_eq!(indices(address(expected)), expected);
                    }
                }
            }
        }
    }

    #[test]
    fn an_entry_covers_what_its_level_reaches_and_no_byte_more() {
        let reaches = [L1::REACH, L2::REACH, L3::REACH, L4::REACH];
        for level in 0..4 {
            for index in 0..512_u16 {
                let mut expected = [0; 4];
                expected[level] = index;
                let first = address(expected);
                let last = first + (reaches[level] - 1);
                assert_eq!(indices(last)[level], index);
                assert!(indices(last)[..level].iter().all(|&below| below == 511));
                assert_eq!(indices(last)[level + 1..], expected[level + 1..]);
                // The next entry: after the last of the lower half comes the first of the upper half; after the very
                // last, nothing.
                let next =
                    if level == 3 && index == 255 { 0xffff_8000_0000_0000 } else { last.wrapping_add(1) };
                if next != 0 {
                    let carried = (u64::from(index) + 1) % 512;
                    assert_eq!(u64::from(indices(next)[level]), carried);
                }
            }
        }
    }

    #[test]
    fn the_two_halves_of_the_address_space_end_and_begin_between_two_top_level_entries() {
        assert_eq!(indices(0x0000_7fff_ffff_ffff), [511, 511, 511, 255]);
        assert_eq!(indices(0xffff_8000_0000_0000), [0, 0, 0, 256]);
        assert_eq!(indices(0), [0; 4]);
        assert_eq!(indices(u64::MAX), [511; 4]);
    }
}
