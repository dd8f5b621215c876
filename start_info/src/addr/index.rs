//! The index of an entry in a page.

use core::fmt;

use crate::addr::ENTRIES;

/// The number of an 8-byte entry in a page, below 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Index(u16);

impl Index {
    /// The first entry.
    pub const FIRST: Self = Self(0);

    /// Makes a constant index; 512 or more does not compile in const context.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        assert!((index as u64) < ENTRIES);
        Self(index)
    }

    /// Returns the index that the low nine bits of `number` name.
    #[must_use]
    pub const fn containing(number: u64) -> Self {
        Self((number % ENTRIES) as u16)
    }

    /// Returns the index.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the byte offset of the entry in its page.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.0 as u64 * 8
    }

    /// Returns all 512 indices in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..ENTRIES as u16).map(Self)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
