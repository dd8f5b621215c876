//! A chunk of the direct map in numbers: what one table of each level maps, and where.

use start_info::{ENTRIES, PAGE_SIZE, Pfn};
use x86_64::VirtAddr;

use crate::layout::DIRECT_MAP;

/// Pages that one L1 table maps.
pub(crate) const L1_PAGES: u64 = ENTRIES;
/// Pages that one L2 table maps: a chunk.
pub(crate) const L2_PAGES: u64 = ENTRIES * ENTRIES;
/// Pages that one L3 table maps.
pub(crate) const L3_PAGES: u64 = ENTRIES * ENTRIES * ENTRIES;

/// Returns the address of a page in the direct map.
pub(crate) fn direct_address(pfn: Pfn) -> VirtAddr {
    DIRECT_MAP + pfn.get() * PAGE_SIZE
}
