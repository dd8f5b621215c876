//! One page-table entry as the processor reads it.
//!
//! *What this is*: the bits that the checks use, by name. The walk knows at which levels a bit has a meaning.

use std::fmt;

use start_info::{MAX_FRAMES, Mfn};

/// The eight bytes of an entry, unchanged.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct WalkedEntry(u64);

impl WalkedEntry {
    const PRESENT: u64 = 1;
    const WRITABLE: u64 = 1 << 1;
    const LARGE: u64 = 1 << 7;
    const NO_EXECUTE: u64 = 1 << 63;

    /// Wraps the bytes read from a table.
    #[must_use]
    pub const fn new(raw: u64) -> Self {
        Self(raw)
    }

    /// Returns the bytes.
    #[must_use]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Tells whether the entry is present.
    #[must_use]
    pub const fn is_present(self) -> bool {
        self.0 & Self::PRESENT != 0
    }

    /// Tells whether this entry allows writing; every level above must as well.
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.0 & Self::WRITABLE != 0
    }

    /// Tells whether bit 7 is set: a large page in an L2 or L3, not allowed in an L4, a cache attribute in an L1.
    #[must_use]
    pub const fn is_large(self) -> bool {
        self.0 & Self::LARGE != 0
    }

    /// Tells whether this entry allows execution; every level above must as well.
    #[must_use]
    pub const fn is_executable(self) -> bool {
        self.0 & Self::NO_EXECUTE == 0
    }

    /// Returns the frame in bits 12 to 51.
    #[must_use]
    pub const fn mfn(self) -> Mfn {
        Mfn::new((self.0 >> 12) % MAX_FRAMES)
    }
}

impl fmt::Debug for WalkedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "entry {:#x}", self.0)
    }
}

impl fmt::Display for WalkedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
