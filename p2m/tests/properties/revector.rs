//! The move of the leaves into pages of our own.

use p2m::{P2mEntry, P2mError};
use start_info::{PageCount, Pfn};

use crate::COUNTS;
use crate::paper::{authority, machine_frame, peek, tree, window};
use crate::tree::check;

#[test]
fn every_entry_is_kept_and_every_leaf_is_in_the_window() {
    for pages in COUNTS {
        let holes = [3..4, 511..514, pages / 2..pages / 2 + 1700];
        for holes in [&[][..], &holes] {
            let (mut paper, mut stock, mut tree) = tree(pages, 300_000, holes);
            let (leaves, before) = (tree.leaves(), stock.frames.taken());
            tree.confirm_leaves(&paper, &window()).unwrap_err();
            let done = tree.revector(&mut paper, &mut stock).unwrap();
            tree.confirm_leaves(&paper, &window()).unwrap();
            check(&tree, &paper);
            let missing = (0..leaves).filter(|&leaf| paper.oracle.leaf_is_missing(leaf)).count() as u64;
            assert_eq!((done.copied, done.missing), (leaves - missing, missing), "{pages:#x}");
            assert_eq!(stock.frames.taken() - before, done.copied);
        }
    }
}

#[test]
fn the_words_behind_the_last_page_are_missing() {
    for pages in COUNTS {
        let (mut paper, mut stock, mut tree) = tree(pages, 300_000, &[]);
        tree.revector(&mut paper, &mut stock).unwrap();
        let last = tree.leaf_pfn(&paper, &window(), tree.leaves() - 1).unwrap();
        for pfn in (pages - 1) / 512 * 512..pages.next_multiple_of(512) {
            let expected = if pfn < pages { machine_frame(pfn).get() } else { P2mEntry::MISSING };
            assert_eq!(peek(&paper, last, pfn % 512), expected, "{pages:#x} {pfn:#x}");
        }
    }
}

#[test]
fn a_leaf_is_copied_for_one_page_that_is_there() {
    let holes = [1024..1279, 1280..1536];
    let (mut paper, mut stock, mut tree) = tree(2048, 100, &holes);
    let done = tree.revector(&mut paper, &mut stock).unwrap();
    assert_eq!((done.copied, done.missing), (4, 0));
    check(&tree, &paper);
}

#[test]
fn every_lookup_answers_after_frames_ran_out_half_way() {
    for frames in 4..12 {
        let (mut paper, mut stock, mut tree) = tree(4096, frames, &[]);
        let error = tree.revector(&mut paper, &mut stock).unwrap_err();
        assert_eq!(error, P2mError::NoFrames);
        assert_eq!(stock.frames.free(), 0);
        check(&tree, &paper);
    }
    let (mut paper, mut stock, mut tree) = tree(4096, 12, &[]);
    tree.revector(&mut paper, &mut stock).unwrap();
}

#[test]
fn a_leaf_outside_the_window_is_named() {
    let (mut paper, mut stock, mut tree) = tree(2048, 100, &[]);
    let list = tree.leaf_address(&paper, 0).unwrap();
    let stray = tree.confirm_leaves(&paper, &window()).unwrap_err();
    assert_eq!(stray, P2mError::StrayLeaf { address: list.as_u64() });
    tree.revector(&mut paper, &mut stock).unwrap();
    // The tree's own pages took the first frames; then the four leaves, downward.
    let leaves = [0, 1, 2, 3].map(|leaf| tree.leaf_pfn(&paper, &window(), leaf).unwrap());
    assert_eq!(leaves, [111, 110, 109, 108].map(Pfn::new));
    let shorter = |pages| p2m::LinearMap::of_builder(&authority(), window().base(), PageCount::new(pages));
    tree.confirm_leaves(&paper, &shorter(112)).unwrap();
    tree.confirm_leaves(&paper, &shorter(111)).unwrap_err();
}
