//! How GRUB for Xen lays out a kernel that it loads.
//!
//! *What this is*: where the third builder differs from Xen's two (grub-core/loader/i386/xen.c, `grub_xen_pt_alloc`;
//! grub-core/lib/xen/relocator.c): the end of the mapping, the tables of the page at address 0 in which its last code
//! runs, and what it writes into entries.
//!
//! *What must hold*: as in `plan.rs`, the arithmetic is the model's own.

use std::ops::Range;

use start_info::ENTRIES;

/// 1 MiB of stack.
const STACK: u64 = 256;
/// 512 KiB that are added to it.
const ADDITION: u64 = 128;
/// 4 MiB.
const ALIGNMENT: u64 = 1024;
/// An L3, an L2 and an L1 table for address 0. The last is empty at entry: the code unmaps itself before it jumps.
pub(crate) const LOW_TABLES: u64 = 3;
/// The entries of tables above the lowest.
pub(crate) const TABLE: u64 = 0x7;
/// The entry of an ordinary page. It is one for user mode, so Xen makes it global.
pub(crate) const PAGE: u64 = 0x7;
/// The entry of a page table.
pub(crate) const READ_ONLY: u64 = 0x5;

/// Finds the tables and the end of a mapping whose tables start at page `first`. At first the end is chosen without
/// room for the tables; that is made up for only if they do not fit.
pub(crate) fn tables_at(first: u64) -> (Range<u64>, u64) {
    let mut counted = first;
    loop {
        let end = (counted + ADDITION + STACK).next_multiple_of(ALIGNMENT);
        let tables = 2 + end.div_ceil(ENTRIES * ENTRIES) + end.div_ceil(ENTRIES) + LOW_TABLES;
        counted = first + tables;
        if counted <= end {
            return (first..counted, end);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::tables_at;

    /// Debian's GRUB 2.06 on Xen 4.17: `nr_pt_frames` of a kernel whose list ends at page 0x1707, and the mapping's end
    /// by the number of its L1 tables.
    #[test]
    fn what_grub_left_on_real_xen() {
        let (tables, end) = tables_at(0x170a);
        assert_eq!((tables.end, end), (0x171e, 0x1c00));
    }

    #[test]
    fn the_tables_may_take_from_the_stack_but_fit() {
        let (mut shorter, mut longer) = (0, 0);
        for first in 0..4096 {
            let (tables, end) = tables_at(first);
            assert!(tables.end <= end && end.is_multiple_of(1024));
            if end < tables.end + 384 { shorter += 1 } else { longer += 1 }
        }
        assert!(shorter > 0 && longer > 0);
    }
}
