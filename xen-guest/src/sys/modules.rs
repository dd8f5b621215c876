//! Which module has an address: the modules' ranges and names, for the trap handler.
//!
//! *What this is*: a table without a lock, because a trap may come at any time, even while the table is changed. A row
//! is valid while its start is set; the start is set last and cleared first.
//!
//! *What is not prevented*: more modules than rows. The others are reported as "a module".

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use mmu::{Region, layout};

const ROWS: usize = 64;
/// Words of a name: 32 bytes, what a module's name may have.
const WORDS: usize = 4;

struct Row {
    start: AtomicU64,
    last: AtomicU64,
    name: [AtomicU64; WORDS],
}

/// The modules that are known.
pub(super) struct Table([Row; ROWS]);

impl Table {
    /// Makes an empty table.
    pub(super) const fn new() -> Self {
        Self(
            [const {
                Row {
                    start: AtomicU64::new(0),
                    last: AtomicU64::new(0),
                    name: [const { AtomicU64::new(0) }; WORDS],
                }
            }; ROWS],
        )
    }

    /// Adds a module.
    pub(super) fn note(&self, name: &str, region: Region) {
        let Some(row) = self.0.iter().find(|row| row.start.load(Ordering::Relaxed) == 0) else { return };
        let mut bytes = [0; 8 * WORDS];
        bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
        for (word, bytes) in row.name.iter().zip(bytes.as_chunks::<8>().0) {
            word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
        }
        row.last.store(region.last(), Ordering::Relaxed);
        row.start.store(region.start().as_u64(), Ordering::Release);
    }

    /// Removes a module.
    pub(super) fn forget(&self, region: Region) {
        let start = region.start().as_u64();
        if let Some(row) = self.0.iter().find(|row| row.start.load(Ordering::Relaxed) == start) {
            row.start.store(0, Ordering::Release);
        }
    }

    /// Returns which module an address belongs to; `None` outside the module window.
    pub(super) fn place(&self, address: u64) -> Option<Place<'_>> {
        if !(layout::MODULES.as_u64()..layout::FIXMAP.as_u64()).contains(&address) {
            return None;
        }
        let row = self.0.iter().find(|row| {
            let start = row.start.load(Ordering::Acquire);
            start != 0 && (start..=row.last.load(Ordering::Relaxed)).contains(&address)
        });
        Some(Place { address, row })
    }
}

/// An address in the module window.
pub(super) struct Place<'t> {
    address: u64,
    row: Option<&'t Row>,
}

impl Place<'_> {
    /// Tells whether there is a module.
    pub(super) const fn is_module(&self) -> bool {
        self.row.is_some()
    }

    /// Returns the module's name; empty if there is no module, or if its name is not text.
    pub(super) fn name(&self) -> arrayvec::ArrayString<{ 8 * WORDS }> {
        let mut bytes = [0; 8 * WORDS];
        let words = self.row.into_iter().flat_map(|row| &row.name);
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        let mut text = arrayvec::ArrayString::new();
        for chunk in bytes.split(|byte| *byte == 0).take(1).flat_map(<[u8]>::utf8_chunks) {
            // The name is as long as the bytes it comes from.
            let _fits = text.try_push_str(chunk.valid());
        }
        text
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(row) = self.row else { return write!(f, "the module window where no module is") };
        let (name, offset) = (self.name(), self.address.wrapping_sub(row.start.load(Ordering::Relaxed)));
        match name.is_empty() {
            true => write!(f, "module (no name)+{offset:#x}"),
            false => write!(f, "module {name}+{offset:#x}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use mmu::{Region, layout};
    use start_info::PageCount;

    use super::{ROWS, Table};

    fn region(page: u64, pages: u64) -> Region {
        Region::new("module", layout::MODULES + page * 0x1000, PageCount::new(pages))
    }

    /// What is reported for an address in the window, counted from its start.
    fn said(table: &Table, offset: u64) -> String {
        table.place(layout::MODULES.as_u64() + offset).unwrap().to_string()
    }

    #[test]
    fn an_address_is_told_with_its_module() {
        let table = Table::new();
        table.note("one", region(0, 1));
        table.note("a-name-of-thirty-two-bytes_1234.x", region(1, 2));
        assert_eq!(said(&table, 0), "module one+0x0");
        assert_eq!(said(&table, 0xfff), "module one+0xfff");
        assert_eq!(said(&table, 0x1000), "module a-name-of-thirty-two-bytes_1234.+0x0");
        assert_eq!(said(&table, 0x2fff), "module a-name-of-thirty-two-bytes_1234.+0x1fff");
        assert_eq!(said(&table, 0x3000), "the module window where no module is");
        assert!(table.place(layout::MODULES.as_u64() - 1).is_none());
        assert!(table.place(layout::FIXMAP.as_u64()).is_none());
        assert!(table.place(layout::MODULES.as_u64()).unwrap().is_module());
        assert!(!table.place(layout::FIXMAP.as_u64() - 1).unwrap().is_module());
    }

    #[test]
    fn the_next_module_in_a_row_has_nothing_of_the_one_before() {
        let table = Table::new();
        table.note("a-long-name", region(0, 9));
        table.forget(region(0, 9));
        assert_eq!(said(&table, 0x1000), "the module window where no module is");
        table.note("b", region(0, 1));
        assert_eq!(said(&table, 8), "module b+0x8");
        assert_eq!(said(&table, 0x1000), "the module window where no module is");
        // A module is found by its start, whatever pages it has given back; no other module is removed instead.
        table.forget(region(1, 1));
        assert_eq!(said(&table, 8), "module b+0x8");
        table.forget(region(0, 5));
        assert!(!table.place(layout::MODULES.as_u64()).unwrap().is_module());
    }

    #[test]
    fn more_modules_than_rows_are_told_by_address_and_take_nobodys_row() {
        let table = Table::new();
        for page in 0..=ROWS as u64 {
            table.note("many", region(page, 1));
        }
        assert_eq!(said(&table, (ROWS as u64 - 1) * 0x1000), "module many+0x0");
        assert_eq!(said(&table, ROWS as u64 * 0x1000), "the module window where no module is");
        table.forget(region(ROWS as u64, 1));
        table.forget(region(3, 1));
        table.note("late", region(ROWS as u64, 1));
        assert_eq!(said(&table, ROWS as u64 * 0x1000), "module late+0x0");
    }
}
