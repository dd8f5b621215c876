//! The index arithmetic of the P2M's inner pages, complete.
//!
//! *What this is*: the tree of the p2m crate computes its indices privately, so the test goes through the tree: over a
//! list whose page `n` is leaf `n`, every leaf must be in its place, with two inner levels and with three. This
//! replaces a proof with Kani: there are few enough leaves to check each.

use start_info::Pfn;

use crate::paper::tree;
use p2m::Translate;

#[test]
fn every_leaf_is_found_by_its_number_with_two_inner_levels_and_with_three() {
    for (pages, levels) in
        [((1 << 27) - 1, 2), (1 << 27, 2), ((1 << 27) + 1, 3), ((1 << 27) + (1 << 18) + 513, 3)]
    {
        let (paper, _, tree) = tree(pages, 2000, &[]);
        assert_eq!(tree.inner_levels(), levels);
        let list = tree.leaf_address(&paper, 0).unwrap();
        for leaf in 0..tree.leaves() {
            assert_eq!(tree.leaf_address(&paper, leaf), Some(list + leaf * 4096), "{leaf:#x} of {pages:#x}");
        }
        for shift in [0, 9, 18, 27] {
            for pfn in (0..512).flat_map(|index| [index << shift, (index << shift) + (1 << shift) - 1]) {
                let entry = tree.entry(&paper, Pfn::new(pfn));
                assert_eq!(entry, paper.oracle.entry_of(pfn), "{pfn:#x} of {pages:#x}");
            }
        }
    }
}
