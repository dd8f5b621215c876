//! What is at an address by the page tables in use, in words.
//!
//! *What this is*: the walk that the report of a page fault shows: the place the address has in the layout, and what
//! the tables say, down to whether a read-only page is a live table.
//!
//! *What must hold*: entries are read through [`TableReader`], which may fail at each one; nothing is written, nothing
//! is allocated, and the walk ends: it goes down one level at a time.

use core::fmt;
use core::ops::Range;

use mmu::layout::{Bases, FIXMAP, INIT_P2M, IO_MAP_PAGES, KERNEL_MAP, MODULES, PAYLOAD_PAGES, is_xen_slot};
use start_info::{Index, PAGE_SIZE};

use crate::sys::{
    abi::{HYPERVISOR_VIRT_END, HYPERVISOR_VIRT_START},
    starts::Starts,
};

const PRESENT: u64 = 1;
const WRITABLE: u64 = 1 << 1;
const LARGE: u64 = 1 << 7;
const NO_EXECUTE: u64 = 1 << 63;
const FRAME: u64 = 0x000f_ffff_ffff_f000;

const END_OF_LOWER_HALF: u64 = 1 << 47;
const START_OF_LIST: u64 = INIT_P2M.as_u64();
/// The part of the address space that the linear P2M is drawn in starts here, and that of the list ends.
const END_OF_LIST: u64 = Bases::FIXED.linear_p2m().as_u64();
/// As for the linear P2M.
const END_OF_LINEAR_P2M: u64 = Bases::FIXED.io_map().as_u64();
const START_OF_IMAGE: u64 = KERNEL_MAP.as_u64();
const START_OF_MODULES: u64 = MODULES.as_u64();
const START_OF_FIXMAP: u64 = FIXMAP.as_u64();
/// One L1 table maps it.
const END_OF_FIXMAP: u64 = START_OF_FIXMAP + 512 * PAGE_SIZE;

/// What reads the page tables in use.
pub(super) trait TableReader {
    /// Returns the machine frame of the top-level table.
    fn root(&self) -> u64;

    /// Reads an entry of the table in a machine frame; `None` if the table cannot be reached.
    fn entry(&self, table: u64, index: u64) -> Option<u64>;

    /// Returns the page number that Xen's M2P has for a machine frame.
    fn pfn(&self, frame: u64) -> Option<u64>;
}

/// What the tables have for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// Xen's own top-level entries are not followed.
    Xen,
    /// The entry of this level is not present.
    NotMapped { level: u32 },
    /// The table of this level cannot be read.
    Unreadable { level: u32 },
    /// A machine frame, with the rights that all levels grant together.
    Frame { frame: u64, writable: bool, executable: bool },
}

/// Where the parts of the kernel image are.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub(super) text: Range<u64>,
    pub(super) constant: Range<u64>,
    pub(super) data: Range<u64>,
    pub(super) guard: Range<u64>,
    pub(super) stack: Range<u64>,
}

impl Parts {
    /// Returns what the layout has at an address that was used while the stack pointer was `rsp`.
    pub(super) fn place(&self, address: u64, rsp: u64) -> &'static str {
        let Self { text, constant, data, guard, stack } = self;
        // Whoever meets the guard page with the stack pointer in it, or about to go there, has no stack left.
        if guard.contains(&address) && (guard.start..guard.end + 64).contains(&rsp) {
            return "guard page of the stack: stack overflow";
        }
        let parts = [
            (guard, "guard page of the stack"),
            (stack, "stack"),
            (text, "kernel text"),
            (constant, "kernel constants"),
            (data, "kernel data"),
        ];
        let part = parts.iter().find(|(range, _)| range.contains(&address));
        part.map_or_else(|| region(address, Starts::noted()), |(_, name)| name)
    }
}

/// Returns what the layout has at an address outside the image.
fn region(address: u64, starts: Starts) -> &'static str {
    let Starts { direct_map, linear_p2m, io_map, payload } = starts;
    let moved = [
        (direct_map..START_OF_LIST, "direct map"),
        (linear_p2m..END_OF_LINEAR_P2M, "linear P2M"),
        (io_map..io_map + IO_MAP_PAGES.bytes(), "device memory"),
        (payload..payload + PAYLOAD_PAGES.bytes(), "payload"),
    ];
    if let Some((_, name)) = moved.into_iter().find(|(addresses, _)| addresses.contains(&address)) {
        return name;
    }
    match address {
        0..0x1_0000 => "near the null pointer",
        0x1_0000..END_OF_LOWER_HALF => "lower half",
        END_OF_LOWER_HALF..HYPERVISOR_VIRT_START => "not canonical",
        HYPERVISOR_VIRT_START..HYPERVISOR_VIRT_END => "hypervisor hole",
        START_OF_LIST..END_OF_LIST => "builder's P2M list",
        START_OF_IMAGE..START_OF_MODULES => "beside the kernel image",
        START_OF_MODULES..START_OF_FIXMAP => "module window",
        START_OF_FIXMAP..END_OF_FIXMAP => "fixmap",
        _ => "no region",
    }
}

/// What the tables say of an address, shown in words.
pub(super) struct Mapping<'t, T> {
    pub(super) tables: &'t T,
    pub(super) address: u64,
}

impl<T: TableReader> Mapping<'_, T> {
    /// Returns the machine frame that is mapped.
    #[cfg(target_os = "none")]
    pub(super) fn frame(&self) -> Option<u64> {
        match self.find() {
            Found::Frame { frame, .. } => Some(frame),
            _ => None,
        }
    }

    fn find(&self) -> Found {
        let (mut table, mut rights, mut level) = (self.tables.root(), WRITABLE, 4);
        let mut no_execute = 0;
        loop {
            let shift = 12 + 9 * (level - 1);
            let index = self.address >> shift & 511;
            if level == 4 && is_xen_slot(Index::containing(index)) {
                return Found::Xen;
            }
            let Some(entry) = self.tables.entry(table, index) else { return Found::Unreadable { level } };
            if entry & PRESENT == 0 {
                return Found::NotMapped { level };
            }
            rights &= entry;
            no_execute |= entry & NO_EXECUTE;
            let frame = (entry & FRAME) / PAGE_SIZE;
            if level == 1 || is_large(entry, level) {
                // A large page starts at the frame of its entry, but for the bit that a PAT would have.
                let inside = (self.address & ((1 << shift) - 1)) / PAGE_SIZE;
                let frame = (frame & !((1 << (shift - 12)) - 1)) + inside;
                return Found::Frame { frame, writable: rights != 0, executable: no_execute == 0 };
            }
            (table, level) = (frame, level - 1);
        }
    }

    /// Returns the level at which the tables in use have a frame as a table.
    fn level_of(&self, frame: u64) -> Option<u32> {
        if frame == self.tables.root() { Some(4) } else { self.level_below(self.tables.root(), 4, frame) }
    }

    fn level_below(&self, table: u64, level: u32, frame: u64) -> Option<u32> {
        let entries = (0..512).filter(|index| level != 4 || !is_xen_slot(Index::containing(*index)));
        let entries = entries.filter_map(|index| self.tables.entry(table, index));
        let mut below = entries.filter(|entry| entry & PRESENT != 0 && !is_large(*entry, level));
        below.find_map(|entry| {
            let next = (entry & FRAME) / PAGE_SIZE;
            match (next == frame, level) {
                (true, _) => Some(level - 1),
                (false, 2) => None,
                (false, _) => self.level_below(next, level - 1, frame),
            }
        })
    }
}

impl<T: TableReader> fmt::Display for Mapping<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.find() {
            Found::Xen => f.write_str("Xen's own; not looked at"),
            Found::NotMapped { level } => write!(f, "not mapped: the L{level} entry is empty"),
            Found::Unreadable { level } => write!(f, "its L{level} table cannot be read"),
            Found::Frame { frame, writable, executable } => {
                match (writable, self.level_of(frame)) {
                    (false, Some(level)) => write!(f, "read-only: live L{level} table")?,
                    (false, None) => f.write_str("read-only")?,
                    (true, _) => f.write_str("writable")?,
                }
                if !executable {
                    f.write_str(", not executable")?;
                }
                match self.tables.pfn(frame) {
                    Some(pfn) => write!(f, ", pfn {pfn:#x}"),
                    None => write!(f, ", machine frame {frame:#x}"),
                }
            }
        }
    }
}

/// Tells whether an entry maps a large page, as only Xen's builder makes them.
const fn is_large(entry: u64, level: u32) -> bool {
    matches!(level, 2 | 3) && entry & LARGE != 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::string::ToString;

    use mmu::layout::Bases;
    use start_info::PageCount;

    use super::{LARGE, Mapping, NO_EXECUTE, PRESENT, Parts, TableReader, WRITABLE, region};
    use crate::sys::starts::Starts;

    /// Tables by their frames; the page number of a frame is 0x1000 less.
    struct Fake(BTreeMap<(u64, u64), u64>);

    impl TableReader for Fake {
        fn root(&self) -> u64 {
            0x4000
        }

        fn entry(&self, table: u64, index: u64) -> Option<u64> {
            // Nothing above is a table that can be read.
            (table < 0x8000).then(|| self.0.get(&(table, index)).copied().unwrap_or(0))
        }

        fn pfn(&self, frame: u64) -> Option<u64> {
            frame.checked_sub(0x1000).filter(|_| frame < 0x8000)
        }
    }

    const RW: u64 = PRESENT | WRITABLE;

    fn entry(frame: u64, bits: u64) -> u64 {
        frame << 12 | bits
    }

    /// Slot 272 leads to one page of each kind; slot 273 to a table that cannot be read; slot 256 is Xen's.
    fn tables() -> Fake {
        let mut all = BTreeMap::new();
        let mut put = |table, index, frame, bits| all.insert((table, index), entry(frame, bits));
        put(0x4000, 272, 0x3000, RW);
        put(0x4000, 273, 0x9000, RW);
        put(0x4000, 256, 0x3000, RW);
        put(0x3000, 0, 0x2000, RW);
        put(0x3000, 2, 0x4_0000, RW | LARGE);
        put(0x2000, 0, 0x1001, RW);
        put(0x2000, 1, 0x1002, PRESENT | NO_EXECUTE);
        put(0x2000, 2, 0x7200, RW | LARGE | NO_EXECUTE);
        put(0x1001, 0, 0x5000, RW | NO_EXECUTE);
        put(0x1001, 1, 0x5001, PRESENT);
        for (index, table) in [0x1001, 0x1002, 0x2000, 0x3000, 0x4000].into_iter().enumerate() {
            put(0x1001, 2 + index as u64, table, PRESENT | NO_EXECUTE);
        }
        put(0x1001, 7, 0x9999, RW);
        put(0x1002, 0, 0x5002, RW);
        Fake(all)
    }

    fn said(address: u64) -> std::string::String {
        Mapping { tables: &tables(), address }.to_string()
    }

    const BASE: u64 = 0xffff_8800_0000_0000;

    #[test]
    fn what_the_tables_have_is_said_with_its_rights_and_page() {
        assert_eq!(said(BASE), "writable, not executable, pfn 0x4000");
        assert_eq!(said(BASE + 0x1fff), "read-only, pfn 0x4001");
        assert_eq!(said(BASE + 0x7000), "writable, machine frame 0x9999");
        // What a level above takes away is not granted.
        assert_eq!(said(BASE + 0x20_0000), "read-only, not executable, pfn 0x4002");
        assert_eq!(said(BASE + 0x40_3000), "writable, not executable, pfn 0x6203");
        assert_eq!(said(BASE + 0x8020_1000), "writable, machine frame 0x40201");
    }

    #[test]
    fn a_live_table_is_known_with_its_level() {
        for (page, level) in [(2, 1), (3, 1), (4, 2), (5, 3), (6, 4)] {
            let said = said(BASE + page * 0x1000);
            assert!(said.starts_with(&std::format!("read-only: live L{level} table, not exec")), "{said}");
        }
    }

    #[test]
    fn what_is_not_mapped_is_said_with_the_level_it_ends_at() {
        assert_eq!(said(8), "not mapped: the L4 entry is empty");
        assert_eq!(said(BASE + 0x4000_0000), "not mapped: the L3 entry is empty");
        assert_eq!(said(BASE + 0x60_0000), "not mapped: the L2 entry is empty");
        assert_eq!(said(BASE + 0x8000), "not mapped: the L1 entry is empty");
    }

    #[test]
    fn xens_slots_and_tables_out_of_reach_are_not_followed() {
        assert_eq!(said(0xffff_8000_0000_0000), "Xen's own; not looked at");
        assert_eq!(said(BASE - 1), "Xen's own; not looked at");
        assert_eq!(said(BASE + 0x80_0000_0000), "its L3 table cannot be read");
    }

    #[test]
    fn every_address_has_its_place() {
        let image = 0xffff_ffff_8100_0000;
        let parts = Parts {
            text: image..image + 0x1000,
            constant: image + 0x1000..image + 0x2000,
            data: image + 0x2000..image + 0x9000,
            guard: image + 0x3000..image + 0x4000,
            stack: image + 0x4000..image + 0x6000,
        };
        for (address, place) in [
            (0, "near the null pointer"),
            (0x1_0000, "lower half"),
            (0x8000_0000_0000, "not canonical"),
            (0xffff_8000_0000_0000, "hypervisor hole"),
            (0xffff_87ff_ffff_ffff, "hypervisor hole"),
            (0xffff_8800_0000_0000, "direct map"),
            (0xffff_c800_0000_0000, "builder's P2M list"),
            (0xffff_c900_0000_0000, "linear P2M"),
            (0xffff_ca00_0000_0000, "device memory"),
            (0xffff_ca80_0000_0000, "no region"),
            (0xffff_cb00_0000_0000, "payload"),
            (0xffff_cb7f_ffff_ffff, "payload"),
            (0xffff_cb80_0000_0000, "no region"),
            (0xffff_ffff_8000_0000, "beside the kernel image"),
            (image, "kernel text"),
            (image + 0x1000, "kernel constants"),
            (image + 0x2fff, "kernel data"),
            (image + 0x3fff, "guard page of the stack"),
            (image + 0x4000, "stack"),
            (image + 0x8fff, "kernel data"),
            (image + 0x9000, "beside the kernel image"),
            (0xffff_ffff_a000_0000, "module window"),
            (0xffff_ffff_ff00_0000, "fixmap"),
            (u64::MAX, "no region"),
        ] {
            assert_eq!(parts.place(address, image + 0x5000), place, "{address:#x}");
        }
        let guard = image + 0x3ff8;
        for rsp in [image + 0x3000, guard, image + 0x4000] {
            assert_eq!(parts.place(guard, rsp), "guard page of the stack: stack overflow", "{rsp:#x}");
            assert_eq!(parts.place(image, rsp), "kernel text");
        }
    }

    #[test]
    fn a_region_that_moved_is_known_where_it_is() {
        let bases = Bases::drawn(PageCount::new(1 << 20), [1_000, 300, 0x123_4567, 0x7ff_ffff]);
        let place = |address| region(address, Starts::of(&bases));
        let [direct, linear] = [0xffff_8800_0000_0000 + (1_000 << 30), 0xffff_c900_0000_0000 + (300 << 30)];
        let (devices, payload) =
            (0xffff_ca00_0000_0000 + (0x123_4567 << 12), 0xffff_cb00_0000_0000 + (0x7ff_ffff << 12));
        for (address, name) in [
            (0xffff_87ff_ffff_ffff, "hypervisor hole"),
            (0xffff_8800_0000_0000, "no region"),
            (direct - 1, "no region"),
            (direct, "direct map"),
            (0xffff_c7ff_ffff_ffff, "direct map"),
            (0xffff_c800_0000_0000, "builder's P2M list"),
            (0xffff_c900_0000_0000, "no region"),
            (linear - 1, "no region"),
            (linear, "linear P2M"),
            (devices - 1, "no region"),
            (devices, "device memory"),
            (devices + (1 << 39) - 1, "device memory"),
            (devices + (1 << 39), "no region"),
            (payload - 1, "no region"),
            (payload, "payload"),
            (payload + (1 << 39) - 1, "payload"),
            (payload + (1 << 39), "no region"),
        ] {
            assert_eq!(place(address), name, "{address:#x}");
        }
    }
}
