//! What can go wrong with a P2M.

use start_info::{PageCount, Pfn};

/// Why a P2M could not be built or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum P2mError {
    /// More frames were needed than had been set aside.
    #[error("a change of the P2M needed more pages than were set aside for it")]
    NoFrames,
    /// The page lies beyond the last one the tree has room for.
    #[error("pfn {pfn} is beyond the {pages} pages of the P2M")]
    Beyond {
        /// The page.
        pfn: Pfn,
        /// How many pages the tree has room for.
        pages: PageCount,
    },
    /// The tree leads to a leaf outside the direct map.
    #[error("P2M leaf at {address:#x} lies outside the direct map")]
    StrayLeaf {
        /// The leaf's address.
        address: u64,
    },
    /// The page table or P2M page has no machine frame.
    #[error("pfn {pfn} has no machine frame")]
    NoMachineFrame {
        /// The page.
        pfn: Pfn,
    },
}
