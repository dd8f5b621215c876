//! The four levels of page tables, as types, and the index of an address at each.
//!
//! *What this is*: markers that keep an L2 entry out of an L3 table, and the arithmetic of nine bits a level.
//!
//! *What must hold*: the traits are sealed; there are four levels and no more.

use start_info::{Index, PAGE_SIZE};
use x86_64::VirtAddr;

mod sealed {
    pub trait Sealed {}
}

/// A level of page tables.
pub trait Level: sealed::Sealed {
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

/// A level whose entries lead to tables.
pub trait Inner: Level {
    /// The level of those tables.
    type Below: Level;
}

macro_rules! level {
    ($name:ident, $number:literal, $doc:literal) => {
        #[doc = $doc]
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Level for $name {
            const NUMBER: u8 = $number;
        }
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
}
