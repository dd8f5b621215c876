//! The four levels of an x86-64 page table.

use std::fmt;

/// A level of the tables, numbered as Xen does: L1 maps pages, L4 is the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Maps 4 KiB pages.
    L1,
    /// Holds L1 tables.
    L2,
    /// Holds L2 tables.
    L3,
    /// The root, what CR3 points to.
    L4,
}

impl Level {
    /// Returns the level's number, 1 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::L1 => 1,
            Self::L2 => 2,
            Self::L3 => 3,
            Self::L4 => 4,
        }
    }

    /// Returns the level with that number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::L1),
            2 => Some(Self::L2),
            3 => Some(Self::L3),
            4 => Some(Self::L4),
            _ => None,
        }
    }

    /// Returns the level of the tables this one holds; an L1 holds none.
    #[must_use]
    pub const fn below(self) -> Option<Self> {
        Self::from_number(self.number() - 1)
    }

    /// Returns the lowest bit of an address that chooses the entry at this level.
    #[must_use]
    pub const fn shift(self) -> u32 {
        3 + 9 * self.number() as u32
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "L{}", self.number())
    }
}
