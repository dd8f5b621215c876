//! Whose an address is: the modules' ranges and names, for the trap handler.
//!
//! *What this is*: a table without a lock, because a trap may come at any time, also while the table is changed. A row
//! counts once its start is set, which is last when it is filled and first when it is cleared.
//!
//! *What is not prevented*: more modules than rows. Those beyond are told as "a module".

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

static TABLE: [Row; ROWS] = [const {
    Row { start: AtomicU64::new(0), last: AtomicU64::new(0), name: [const { AtomicU64::new(0) }; WORDS] }
}; ROWS];

/// Takes note of a module.
pub(super) fn note(name: &str, region: Region) {
    let Some(row) = TABLE.iter().find(|row| row.start.load(Ordering::Relaxed) == 0) else { return };
    let mut bytes = [0; 8 * WORDS];
    bytes.iter_mut().zip(name.bytes()).for_each(|(to, from)| *to = from);
    for (word, bytes) in row.name.iter().zip(bytes.as_chunks::<8>().0) {
        word.store(u64::from_le_bytes(*bytes), Ordering::Relaxed);
    }
    row.last.store(region.last(), Ordering::Relaxed);
    row.start.store(region.start().as_u64(), Ordering::Release);
}

/// Forgets a module.
pub(super) fn forget(region: Region) {
    let start = region.start().as_u64();
    if let Some(row) = TABLE.iter().find(|row| row.start.load(Ordering::Relaxed) == start) {
        row.start.store(0, Ordering::Release);
    }
}

/// An address in the module window.
pub(super) struct Place {
    address: u64,
    row: Option<&'static Row>,
}

/// Returns which module an address belongs to; `None` outside the module window.
pub(super) fn place(address: u64) -> Option<Place> {
    if !(layout::MODULES.as_u64()..layout::FIXMAP.as_u64()).contains(&address) {
        return None;
    }
    let row = TABLE.iter().find(|row| {
        let start = row.start.load(Ordering::Acquire);
        start != 0 && (start..=row.last.load(Ordering::Relaxed)).contains(&address)
    });
    Some(Place { address, row })
}

impl Place {
    /// Tells whether there is a module.
    pub(super) const fn is_module(&self) -> bool {
        self.row.is_some()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(row) = self.row else { return write!(f, "the module window where no module is") };
        let mut bytes = [0; 8 * WORDS];
        for (bytes, word) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(&row.name) {
            *bytes = word.load(Ordering::Relaxed).to_le_bytes();
        }
        let name = bytes.split(|byte| *byte == 0).next().and_then(|name| core::str::from_utf8(name).ok());
        let offset = self.address.wrapping_sub(row.start.load(Ordering::Relaxed));
        write!(f, "module {}+{offset:#x}", name.unwrap_or("(no name)"))
    }
}
