//! A builder of start_info pages.
//!
//! It repeats the steps of Xen's two builders, each with its own loop for the page tables (xg_dom_x86.c,
//! `alloc_pgtables_pv`; pv/dom0_build.c, `dom0_construct`), and those of GRUB for Xen (grub-core/loader/i386/xen.c,
//! `grub_xen_pt_alloc`). It shares no arithmetic with the crate, so a mistake must be made twice to go unseen.

use kit::start_info::StartInfo;
use start_info::{BootFacts, KernelEntry, StartInfoError};
use x86_64::VirtAddr;

pub(crate) const VIRT_BASE: u64 = 0xffff_ffff_8000_0000;

/// A run of page numbers: first, count.
pub(crate) type Run = (u64, u64);

/// What to build.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) dom0: bool,
    /// A domU whose kernel GRUB loads.
    pub(crate) grub: bool,
    pub(crate) nr_pages: u64,
    pub(crate) image: Run,
    /// Bytes; zero for none.
    pub(crate) ramdisk: u64,
    /// The note `MOD_START_PFN`.
    pub(crate) unmapped_ramdisk: bool,
    /// The note `INIT_P2M`.
    pub(crate) init_p2m: Option<u64>,
    pub(crate) command_line: &'static str,
}

/// A page, and what the parser should find in it.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) page: [u8; 4096],
    pub(crate) entry: KernelEntry,
    pub(crate) nr_pages: u64,
    pub(crate) image: Run,
    pub(crate) ramdisk: Option<Run>,
    pub(crate) list: Run,
    pub(crate) start_info: u64,
    pub(crate) tables: Run,
    pub(crate) stack: u64,
    pub(crate) end: u64,
}

impl Fixture {
    /// The guest of the source document: 128 GiB, a ramdisk of 263 MiB.
    pub(crate) fn source_document() -> Self {
        Self { nr_pages: 128 << 18, image: (0x1000, 0xe43), ramdisk: 0x10784 * 4096, ..Self::dom_u() }
    }

    /// A small guest with an odd number of pages and a ramdisk that ends in the middle of one.
    pub(crate) fn dom_u() -> Self {
        Self {
            dom0: false,
            grub: false,
            nr_pages: 67 * 256 + 3,
            image: (0x200, 0x123),
            ramdisk: 0x12345,
            unmapped_ramdisk: false,
            init_p2m: None,
            command_line: "then=idle",
        }
    }

    pub(crate) fn dom_u_pfn() -> Self {
        Self { unmapped_ramdisk: true, ..Self::dom_u() }
    }

    pub(crate) fn dom_u_init_p2m() -> Self {
        Self { unmapped_ramdisk: true, init_p2m: Some(0x80_0000_0000), ..Self::dom_u() }
    }

    pub(crate) fn dom0() -> Self {
        Self { dom0: true, nr_pages: 0x1_8765, ..Self::dom_u() }
    }

    pub(crate) fn dom0_init_p2m() -> Self {
        Self { dom0: true, nr_pages: 0x8_4321, ..Self::dom_u_init_p2m() }
    }

    pub(crate) fn grub() -> Self {
        Self { grub: true, ..Self::dom_u() }
    }

    pub(crate) fn grub_pfn() -> Self {
        Self { grub: true, ..Self::dom_u_pfn() }
    }

    pub(crate) fn grub_init_p2m() -> Self {
        Self { grub: true, ..Self::dom_u_init_p2m() }
    }

    pub(crate) fn all() -> [Self; 9] {
        [
            Self::source_document(),
            Self::dom_u(),
            Self::dom_u_pfn(),
            Self::dom_u_init_p2m(),
            Self::dom0(),
            Self::dom0_init_p2m(),
            Self::grub(),
            Self::grub_pfn(),
            Self::grub_init_p2m(),
        ]
    }

    /// Builds the page, or returns nothing if the builder would give up for lack of memory.
    pub(crate) fn build(&self) -> Option<Built> {
        let ramdisk_pages = self.ramdisk.div_ceil(4096);
        let list_pages = (self.nr_pages * 8).div_ceil(4096);
        let mapped_ramdisk = if self.unmapped_ramdisk { 0 } else { ramdisk_pages };
        let mapped_list = if self.init_p2m.is_some() { 0 } else { list_pages };

        let ramdisk_start = self.image.0 + self.image.1;
        let list_start = ramdisk_start + mapped_ramdisk;
        let start_info = list_start + mapped_list;
        let root = start_info + if self.dom0 { 1 } else { 3 };
        let (tables, end) = match (self.dom0, self.grub) {
            (true, _) => dom0_tables(root),
            (false, false) => dom_u_tables(root),
            (false, true) => grub_tables(root),
        };
        if root + tables == end {
            // Only GRUB, and only for a mapping of many hundred MiB: it leaves not a page for its stack.
            return None;
        }

        // dom0's builder takes the mapping, less the ramdisk, as one block whose size is a power of two; the surplus
        // stays unmapped.
        let chunk = if self.dom0 { (end - mapped_ramdisk).next_power_of_two() + mapped_ramdisk } else { end };
        let own_start = chunk + if self.unmapped_ramdisk { ramdisk_pages } else { 0 };
        let own_pages = self
            .init_p2m
            .map_or(0, |at| list_pages + list_tables(at, list_pages, if self.dom0 { 0 } else { 1 }));
        // GRUB's last code is in a page after everything.
        if own_start + own_pages + u64::from(self.grub) > self.nr_pages {
            return None;
        }

        let mut built = Built {
            page: [0; 4096],
            entry: KernelEntry {
                start_info: at(start_info),
                virt_base: at(0),
                image_start: at(self.image.0),
                image_end: at(ramdisk_start),
            },
            nr_pages: self.nr_pages,
            image: self.image,
            ramdisk: (self.ramdisk > 0)
                .then_some((if self.unmapped_ramdisk { chunk } else { ramdisk_start }, ramdisk_pages)),
            list: if self.init_p2m.is_some() { (own_start, own_pages) } else { (list_start, list_pages) },
            start_info,
            tables: (root, tables),
            stack: root + tables,
            end,
        };
        self.write(&mut built, own_start, own_pages);
        Some(built)
    }

    fn write(&self, built: &mut Built, own_start: u64, own_pages: u64) {
        let unmapped = if self.unmapped_ramdisk && self.ramdisk > 0 { 8 } else { 0 };
        let ramdisk = built.ramdisk.map_or((0, 0), |(start, pages)| {
            let rounded = self.unmapped_ramdisk && !self.dom0 && !self.grub;
            let place = if self.unmapped_ramdisk { start } else { at(start).as_u64() };
            (place, if rounded { pages * 4096 } else { self.ramdisk })
        });
        // dom0's builder writes the number here even if no list begins there.
        let own_list = self.dom0 || self.init_p2m.is_some();
        let page = StartInfo {
            dom0: self.dom0,
            nr_pages: self.nr_pages,
            shared_info: 0x7_1234_5000,
            flags: unmapped
                | match (self.dom0, self.grub) {
                    (true, _) => 0x303,
                    (false, false) => 0x10,
                    (false, true) => 0,
                },
            xenstore: (0x56_789a, 1),
            console: (0x56_789b, 2),
            screen: (0x490, 0x28),
            tables: (at(built.tables.0).as_u64(), built.tables.1),
            list: self.init_p2m.unwrap_or(at(built.list.0).as_u64()),
            ramdisk,
            command_line: self.command_line.as_bytes(),
            own_list: if own_list { (own_start, own_pages) } else { (0, 0) },
        };
        built.page = page.page();
    }
}

impl Built {
    pub(crate) fn parse(&self) -> Result<BootFacts, StartInfoError> {
        BootFacts::parse(&self.page, &self.entry)
    }

    pub(crate) fn bytes(&mut self, offset: usize, bytes: &[u8]) {
        self.page[offset..][..bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn int(&mut self, offset: usize, value: u32) {
        self.bytes(offset, &value.to_le_bytes());
    }

    pub(crate) fn long(&mut self, offset: usize, value: u64) {
        self.bytes(offset, &value.to_le_bytes());
    }
}

/// The address of a page of the boot mapping.
pub(crate) fn at(page: u64) -> VirtAddr {
    VirtAddr::new(VIRT_BASE + page * 4096)
}

/// The toolstack's search: guess an end, count the tables for it, guess again with room for them.
fn dom_u_tables(root: u64) -> Run {
    let mut pages = 1 + 128;
    loop {
        let last = at(root + pages).as_u64() | 0x3f_ffff;
        let tables = 1
            + (((last | 0x7f_ffff_ffff) - (VIRT_BASE & !0x7f_ffff_ffff)) >> 39)
            + 1
            + (((last | 0x3fff_ffff) - (VIRT_BASE & !0x3fff_ffff)) >> 30)
            + 1
            + (((last | 0x1f_ffff) - (VIRT_BASE & !0x1f_ffff)) >> 21)
            + 1;
        pages = tables + 1 + 128;
        if at(root).as_u64() - 1 + pages * 4096 <= last {
            return (tables, (last - VIRT_BASE) / 4096 + 1);
        }
    }
}

/// GRUB's search: 512 KiB and a stack of 1 MiB after what is mapped, the tables counted only if they do not fit; three
/// more tables for its page at address 0.
fn grub_tables(root: u64) -> Run {
    let mut pages = root;
    loop {
        let end = (VIRT_BASE + ((pages + 128 + 256) << 12)).next_multiple_of(1 << 22).wrapping_sub(VIRT_BASE);
        let tables = 1 + (1 + ((end - 1) >> 39)) + (1 + ((end - 1) >> 30)) + (1 + ((end - 1) >> 21)) + 3;
        pages = root + tables;
        if pages << 12 <= end {
            return (tables, end >> 12);
        }
    }
}

/// Xen's search: try every number of tables, from two up.
fn dom0_tables(root: u64) -> Run {
    let mut tables = 2;
    loop {
        let stack_end = root + tables + 1;
        let mut end = stack_end.next_multiple_of(1024);
        if end - stack_end < 128 {
            end += 1024;
        }
        // The base is a multiple of 1 GiB, and everything lies in one run of 512 GiB.
        if 1 + 1 + end.div_ceil(1 << 18) + end.div_ceil(512) <= tables {
            return (tables, end);
        }
        tables += 1;
    }
}

/// The tables a list takes at an address outside the boot mapping's 512 GiB; dom0's mappings of 2 MiB need no L1
/// tables, which gives the smallest number.
fn list_tables(at: u64, pages: u64, lowest: u64) -> u64 {
    let (first, last) = (at, at + pages * 4096 - 1);
    let touched = |shift: u32| (last >> shift) - (first >> shift) + 1;
    touched(39) + touched(30) + touched(21) * lowest
}
