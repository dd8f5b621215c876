//! What can go wrong with a P2M.

use core::fmt;

use start_info::{PageCount, Pfn};

/// Why a P2M could not be built or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// More frames were needed than had been set aside.
    NoFrames,
    /// The page lies behind the last one the tree has room for.
    Beyond {
        /// The page.
        pfn: Pfn,
        /// How many pages the tree has room for.
        pages: PageCount,
    },
    /// The tree leads to a leaf outside the direct map.
    StrayLeaf {
        /// The leaf's address.
        address: u64,
    },
    /// The page table or P2M page has no machine frame.
    NoMachineFrame {
        /// The page.
        pfn: Pfn,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoFrames => f.write_str("a change of the P2M took more pages than were set aside for it"),
            Self::Beyond { pfn, pages } => write!(f, "pfn {pfn} is behind the {pages} pages of the P2M"),
            Self::StrayLeaf { address } => write!(f, "P2M leaf at {address:#x} lies outside the direct map"),
            Self::NoMachineFrame { pfn } => write!(f, "pfn {pfn} has no machine frame behind it"),
        }
    }
}

impl core::error::Error for Error {}
