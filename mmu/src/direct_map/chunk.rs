//! A chunk of the direct map in numbers: what one table maps.

use start_info::ENTRIES;

/// Pages that one L1 table maps.
pub(crate) const L1_PAGES: u64 = ENTRIES;
/// Pages that one L2 table maps: a chunk.
pub(crate) const L2_PAGES: u64 = ENTRIES * ENTRIES;
