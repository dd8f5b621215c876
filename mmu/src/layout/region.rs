//! A named run of virtual addresses.

use core::fmt;

use start_info::{PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

/// A named run of virtual addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    name: &'static str,
    start: VirtAddr,
    /// The last byte. An end after it would overflow for a region at the top of the address space.
    last: u64,
}

impl Region {
    /// Describes the `pages` pages from `start` on; at least one, and none beyond the end of the address space.
    #[must_use]
    pub fn new(name: &'static str, start: VirtAddr, pages: PageCount) -> Self {
        let bytes = pages.bytes().max(PAGE_SIZE);
        Self { name, start, last: start.as_u64().saturating_add(bytes - 1) }
    }

    /// Returns the region's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the first address.
    #[must_use]
    pub const fn start(&self) -> VirtAddr {
        self.start
    }

    /// Returns the last address.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Returns the number of pages.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        PageCount::clamped((self.last - self.start.as_u64()) / PAGE_SIZE + 1)
    }

    /// Returns the address of each page, in ascending order.
    pub fn addresses(&self) -> impl Iterator<Item = VirtAddr> + use<> {
        let start = self.start;
        (0..self.pages().get()).map(move |page| VirtAddr::new_truncate(start.as_u64() + page * PAGE_SIZE))
    }

    /// Returns the region in pieces that end at every multiple of `reach` bytes, so that one table covers each.
    pub(crate) fn pieces(&self, reach: u64) -> impl Iterator<Item = Self> + use<> {
        let Self { name, start, last } = *self;
        (start.as_u64() / reach..=last / reach).map(move |piece| {
            let first = start.as_u64().max(piece * reach);
            let pages = (last.min(piece * reach + (reach - 1)) - first) / PAGE_SIZE + 1;
            Self::new(name, VirtAddr::new_truncate(first), PageCount::clamped(pages))
        })
    }

    /// Tells whether the two share an address.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start.as_u64() <= other.last && other.start.as_u64() <= self.last
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}..{:#x}", self.name, self.start.as_u64(), self.last.wrapping_add(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pieces_of_a_region_are_the_region_and_none_crosses_a_border() {
        let reach = 0x20_0000;
        for start in [0xffff_ffff_a000_0000, 0xffff_ffff_a01f_f000, 0xffff_ffff_ffc0_1000, 0x1000] {
            for pages in [1, 2, 511, 512, 513, 1023] {
                let region = Region::new("some", VirtAddr::new(start), PageCount::new(pages));
                assert!(
                    region.pieces(reach).flat_map(|piece| piece.addresses()).eq(region.addresses()),
                    "{region}"
                );
                assert!(
                    region.pieces(reach).all(|piece| piece.start().as_u64() / reach == piece.last() / reach)
                );
            }
        }
    }
}
