//! The three-level list that the toolstack reads.

use std::slice::from_ref;

use p2m::{MachineToPhys, Memory, P2mEntry, P2mError, Publication, Translate, Tree};
use start_info::{Mfn, Pfn};

use crate::COUNTS;
use crate::paper::{Paper, Stock, machine_frame, peek, window};

/// Makes a revectored tree and publishes it.
fn published(pages: u64, holes: &[std::ops::Range<u64>]) -> (Paper, Stock, Tree, Publication) {
    let (mut paper, mut stock, mut tree) = crate::paper::tree(pages, 300_000, holes);
    tree.revector(&mut paper, &mut stock).unwrap();
    let publication = Publication::build(&tree, &mut paper, &mut stock, &window()).unwrap();
    (paper, stock, tree, publication)
}

/// Reads the list as xg_sr_save_x86_pv.c does.
fn read(paper: &Paper, tree: &Tree, publication: &Publication, leaf: u64) -> u64 {
    let page = |mfn: u64| paper.pfn_of(Mfn::new(mfn)).unwrap();
    let middle = peek(paper, page(publication.frame_list_list(tree, paper).unwrap()), leaf / 512);
    peek(paper, page(middle), leaf % 512)
}

#[test]
fn the_leaf_of_every_page_is_listed() {
    for pages in COUNTS.into_iter().filter(|&pages| pages <= 1 << 27) {
        let holes = [3..4, pages / 2..pages / 2 + 1700];
        let (paper, _, tree, publication) = published(pages, &holes);
        assert_eq!(publication.max_pfn(), pages);
        for leaf in 0..tree.leaves() {
            let expected = machine_frame(tree.leaf_pfn(&paper, &window(), leaf).unwrap().get());
            assert_eq!(read(&paper, &tree, &publication, leaf), expected.get(), "{leaf:#x}");
        }
        let top = paper.pfn_of(Mfn::new(publication.frame_list_list(&tree, &paper).unwrap())).unwrap();
        for unused in tree.leaves().div_ceil(512)..512 {
            assert_eq!(peek(&paper, top, unused), P2mEntry::MISSING);
        }
        let middle = paper.pfn_of(Mfn::new(peek(&paper, top, (tree.leaves() - 1) / 512))).unwrap();
        for unused in (tree.leaves() - 1) % 512 + 1..512 {
            assert_eq!(peek(&paper, middle, unused), P2mEntry::MISSING);
        }
    }
}

#[test]
fn a_guest_too_large_for_three_levels_publishes_none() {
    let (paper, _, tree, publication) = published((1 << 27) + 1, &[]);
    let list = publication.frame_list_list(&tree, &paper).unwrap();
    assert_eq!((list, publication.max_pfn()), (u64::MAX, (1 << 27) + 1));
}

#[test]
fn a_leaf_that_is_no_memory_of_the_guest_is_not_published() {
    // The stock's frames lie in a hole of the guest, so the toolstack could not translate them.
    let (mut paper, mut stock, mut tree) = crate::paper::tree(4096, 100, from_ref(&(16..116)));
    tree.revector(&mut paper, &mut stock).unwrap();
    let error = Publication::build(&tree, &mut paper, &mut stock, &window()).unwrap_err();
    assert!(matches!(error, P2mError::NoMachineFrame { .. }), "{error}");
}

#[test]
fn a_leaf_that_is_still_the_builders_is_not_published() {
    let (mut paper, mut stock, tree) = crate::paper::tree(4096, 100, &[]);
    let error = Publication::build(&tree, &mut paper, &mut stock, &window()).unwrap_err();
    assert!(matches!(error, P2mError::StrayLeaf { .. }), "{error}");
}

#[test]
fn a_new_leaf_is_entered() {
    let (mut paper, mut stock, mut tree, mut publication) =
        published(1 << 19, from_ref(&((1 << 18)..(1 << 18) + 2048)));
    let pfn = Pfn::new((1 << 18) + 700);
    let before = read(&paper, &tree, &publication, (1 << 9) + 1);
    let set = tree.set(&mut paper, &mut stock, pfn, P2mEntry::Ram(Mfn::new(77))).unwrap();
    let p2m::Set::New(new) = set else { panic!("the shared leaf was written") };
    publication.replace(&tree, &mut paper, &window(), &new).unwrap();
    let after = read(&paper, &tree, &publication, (1 << 9) + 1);
    assert_ne!(before, after);
    let leaf = paper.pfn_of(Mfn::new(after)).unwrap();
    assert_eq!(paper.load(window().word(leaf, start_info::Index::new(700 - 512)).unwrap()), 77);
    assert_eq!(read(&paper, &tree, &publication, 1 << 9), before, "the others still share the missing leaf");
    assert_eq!(tree.entry(&paper, pfn), P2mEntry::Ram(Mfn::new(77)));
}
