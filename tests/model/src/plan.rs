//! Where a domain builder puts things.
//!
//! *What this is*: the order of xen.h, "Start-of-day memory layout", with the differences of Xen's two builders
//! (xg_dom_core.c, `xc_dom_build_image`, xg_dom_x86.c, `alloc_pgtables_pv`; pv/dom0_build.c, `dom0_construct`), and
//! those of GRUB (`grub.rs`) and krata.
//!
//! *What must hold*: all numbers are page numbers. The arithmetic is the model's own: start_info's parser is checked by
//! it, not the other way round.

use std::fmt;
use std::ops::Range;

use start_info::ENTRIES;

use crate::grub;
use crate::guest::{Domain, GuestConfig, Loader};

/// 4 MiB: the mapping ends on a multiple (xen.h, item 2).
const ALIGNMENT: u64 = 1024;
/// 512 KiB: the least that is left after the stack (item 7).
const PADDING: u64 = 128;
/// Pages from VIRT_BASE to the end of the address space.
const MOST: u64 = (2 << 30) / 4096;

/// Where everything lies at entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The kernel image.
    pub image: Range<u64>,
    /// The ramdisk.
    pub ramdisk: Option<Range<u64>>,
    /// The list, and with INIT_P2M the tables that map it.
    pub list: Range<u64>,
    /// How many of those pages the list takes.
    pub list_pages: u64,
    /// The start_info page.
    pub start_info: u64,
    /// The ring to xenstore; a domU's.
    pub xenstore: Option<u64>,
    /// The console ring; a domU's.
    pub console: Option<u64>,
    /// The page tables of the boot mapping, the root first.
    pub tables: Range<u64>,
    /// The boot stack.
    pub stack: u64,
    /// The first page that is not mapped.
    pub end: u64,
    /// What start_info says in `first_p2m_pfn`.
    pub first_own: u64,
}

/// The guest has too little memory, or the boot mapping too few addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooSmall {
    /// Pages that were needed.
    pub needed: u64,
    /// Pages there were.
    pub limit: u64,
}

impl fmt::Display for TooSmall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the builder needs {:#x} pages and has {:#x}", self.needed, self.limit)
    }
}

impl std::error::Error for TooSmall {}

impl Places {
    /// Plans the memory of a guest.
    pub(crate) fn of(guest: &GuestConfig) -> Result<Self, TooSmall> {
        let list_pages = (guest.pages * 8).div_ceil(4096);
        let ramdisk_pages = guest.ramdisk.as_ref().map_or(0, |ramdisk| ramdisk.len.div_ceil(4096));
        let image = guest.image_start..guest.image_start + guest.image_pages;

        let mut next = image.end;
        let mut take = |pages: u64| {
            next += pages;
            next - pages..next
        };
        let mapped_ramdisk = if guest.leaves_ramdisk() { 0..0 } else { take(ramdisk_pages) };
        let mapped_list = if guest.init_p2m.is_some() { 0..0 } else { take(list_pages) };
        let start_info = take(1).start;
        let rings = match (guest.domain, guest.loader) {
            (Domain::Dom0, _) => None,
            // The console first.
            (Domain::Guest, Loader::Grub) => Some((take(2).end - 1, next - 2)),
            (Domain::Guest, _) => Some((take(1).start, take(1).start)),
        };
        let is_grubs = guest.loader == Loader::Grub;
        let (tables, end) = if is_grubs { grub::tables_at(next) } else { tables_at(next) };
        check(end, MOST)?;

        // Xen takes the mapping, less a mapped ramdisk, from one block whose size is a power of two; the surplus comes
        // first.
        let mapped_ramdisk_pages = mapped_ramdisk.end - mapped_ramdisk.start;
        let chunk = match guest.domain {
            Domain::Guest => end,
            Domain::Dom0 => (end - mapped_ramdisk_pages).next_power_of_two() + mapped_ramdisk_pages,
        };
        let ramdisk = match (ramdisk_pages, guest.leaves_ramdisk()) {
            (0, _) => None,
            (_, true) => Some(chunk..chunk + ramdisk_pages),
            (_, false) => Some(mapped_ramdisk),
        };
        let first_own = if guest.leaves_ramdisk() { chunk + ramdisk_pages } else { chunk };
        let own_pages = guest.init_p2m.map_or(0, |at| list_pages + tables_of_list(at, list_pages));
        // GRUB's last code is in a page after everything.
        check(first_own + own_pages + u64::from(is_grubs), guest.pages)?;

        Ok(Self {
            image,
            ramdisk,
            list: if guest.init_p2m.is_some() { first_own..first_own + own_pages } else { mapped_list },
            list_pages,
            start_info,
            xenstore: rings.map(|(xenstore, _)| xenstore),
            console: rings.map(|(_, console)| console),
            stack: tables.end,
            tables,
            end,
            first_own,
        })
    }

    /// Returns the first page after all that the builder placed.
    #[must_use]
    pub fn used_end(&self) -> u64 {
        let ramdisk = self.ramdisk.as_ref().map_or(0, |ramdisk| ramdisk.end);
        self.end.max(ramdisk).max(self.list.end)
    }
}

fn check(needed: u64, limit: u64) -> Result<(), TooSmall> {
    if needed <= limit { Ok(()) } else { Err(TooSmall { needed, limit }) }
}

/// Finds how many tables map themselves and everything below: both builders raise the number until it is enough.
fn tables_at(first: u64) -> (Range<u64>, u64) {
    let mut tables = 4;
    loop {
        let stack = first + tables;
        let end = (stack + 1 + PADDING).next_multiple_of(ALIGNMENT);
        // VIRT_BASE is a multiple of 1 GiB in the last 512 GiB: one root and one L3 table.
        let needed = 2 + end.div_ceil(ENTRIES * ENTRIES) + end.div_ceil(ENTRIES);
        if needed <= tables {
            return (first..stack, end);
        }
        tables += 1;
    }
}

/// Returns how many tables below the root map a list with INIT_P2M. Always with 4 KiB pages; dom0's builder uses 2 MiB
/// where it can, which for the guest only means fewer tables.
fn tables_of_list(at: u64, pages: u64) -> u64 {
    let last = at + pages * 4096 - 1;
    [39, 30, 21].iter().map(|shift| (last >> shift) - (at >> shift) + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guest::Ramdisk;

    #[test]
    fn the_source_documents_guest_has_its_list_where_xl_printed_it() {
        let places = Places::of(&GuestConfig::of_the_source_document()).unwrap();
        let address = |page: u64| 0xffff_ffff_8000_0000 + page * 4096;
        assert_eq!(address(places.list.start), 0xffff_ffff_925c_7000);
        assert_eq!(address(places.list.end), 0xffff_ffff_a25c_7000);
    }

    #[test]
    fn the_mapping_ends_on_4_mib_with_512_kib_behind_the_stack() {
        for image_pages in 1..3000 {
            let places = Places::of(&GuestConfig { image_pages, ..GuestConfig::new(1 << 16) }).unwrap();
            assert!(places.end.is_multiple_of(1024) && places.end - places.stack > 128);
            assert!(places.end - places.stack <= 128 + 1024);
            assert_eq!(places.tables.end - places.tables.start, 3 + places.end.div_ceil(512));
        }
    }

    #[test]
    fn the_first_page_behind_a_small_dom0_is_the_end_of_a_power_of_two() {
        // Seen on Xen 4.17: a mapping of 4 MiB puts a ramdisk at page 0x400, one of 12 MiB takes 16 MiB.
        let guest =
            GuestConfig { image_start: 0x100, image_pages: 10, ..GuestConfig::dom0(1 << 16) }.with_notes();
        let places = Places::of(&guest.clone().with_ramdisk(Ramdisk::zeros(1))).unwrap();
        assert_eq!((places.end, places.ramdisk.unwrap().start), (0x400, 0x400));
        let guest = GuestConfig { image_start: 0x800, ..guest }.with_ramdisk(Ramdisk::zeros(1));
        let places = Places::of(&guest).unwrap();
        assert_eq!((places.end, places.ramdisk.unwrap().start), (0xc00, 0x1000));
    }

    #[test]
    fn too_little_memory_is_said() {
        assert_eq!(Places::of(&GuestConfig::new(0x1000)), Err(TooSmall { needed: 0x1400, limit: 0x1000 }));
    }
}
