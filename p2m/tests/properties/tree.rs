//! Look-ups and changes.

use proptest::prelude::*;

use p2m::{P2mEntry, P2mError, Set, Translate, Tree};
use start_info::{Mfn, Pfn};

use crate::COUNTS;
use crate::paper::{Paper, interesting, peek, tree, window};

pub(crate) fn check(tree: &Tree, paper: &Paper) {
    for pfn in interesting(paper.oracle.pages) {
        assert_eq!(tree.entry(paper, Pfn::new(pfn)), paper.oracle.entry_of(pfn), "{pfn:#x}");
    }
}

#[test]
fn a_tree_over_a_list_answers_like_the_list() {
    for pages in COUNTS {
        let holes = [3..4, 511..514, pages / 2..pages / 2 + 700, pages - 2..pages];
        for holes in [&[][..], &holes] {
            let (paper, stock, tree) = tree(pages, 2000, holes);
            check(&tree, &paper);
            assert_eq!((tree.pages().get(), tree.leaves()), (pages, pages.div_ceil(512)));
            assert_eq!(tree.inner_levels(), if pages > 1 << 27 { 3 } else { 2 });
            // Two shared leaves, the root, and a middle page for each 2^18 pages; above 2^27 pages one level more.
            let middles = pages.div_ceil(1 << 18) + if pages > 1 << 27 { pages.div_ceil(1 << 27) } else { 0 };
            assert_eq!(stock.frames.taken(), 3 + middles);
        }
    }
}

#[test]
fn a_tree_without_frames_for_its_inner_pages_is_refused() {
    for frames in 0..4 {
        let built = std::panic::catch_unwind(|| tree(1 << 18, frames, &[]));
        assert!(built.is_err(), "{frames} frames are one too few");
    }
}

#[test]
fn the_page_behind_the_last_cannot_be_set() {
    for pages in COUNTS {
        let (mut paper, mut stock, mut tree) = tree(pages, 2000, &[]);
        for pfn in [pages, pages + 1, pages.next_multiple_of(512), (1 << 40) - 1] {
            let error = tree.set(&mut paper, &mut stock, Pfn::new(pfn), P2mEntry::Identity).unwrap_err();
            assert!(matches!(error, P2mError::Beyond { .. }), "{error}");
        }
    }
}

fn entries() -> impl Strategy<Value = P2mEntry> {
    prop_oneof![
        (0_u64..1 << 40).prop_map(|mfn| P2mEntry::Ram(Mfn::new(mfn))),
        Just(P2mEntry::Missing),
        Just(P2mEntry::Identity),
        (0_u64..1 << 40).prop_map(|mfn| P2mEntry::Foreign(Mfn::new(mfn))),
    ]
}

/// Changes of entries, or (with `None`) of a whole leaf to identity.
fn changes() -> impl Strategy<Value = Vec<(u64, Option<P2mEntry>)>> {
    let change = prop_oneof![9 => entries().prop_map(Some), 1 => Just(None)];
    prop::collection::vec((any::<u64>(), change), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_tree_with_changes_answers_like_a_map_with_changes(
        pages in prop_oneof![1024_u64..5000, (1_u64 << 18) - 600..(1 << 18) + 600],
        hole in (0_u64..5000, 0_u64..3000),
        changes in changes(),
    ) {
        let holes = hole.0..(hole.0 + hole.1).min(pages);
        let (mut paper, mut stock, mut tree) = tree(pages, 2000, &[holes]);
        tree.revector(&mut paper, &mut stock).unwrap();
        let list = paper.oracle.clone();
        let mut shared: Vec<bool> = (0..tree.leaves()).map(|leaf| list.leaf_is_missing(leaf)).collect();
        for (pfn, entry) in changes {
            let (pfn, taken) = (pfn % pages, stock.frames.taken());
            let leaf = pfn / 512;
            let Some(entry) = entry else {
                let set = tree.set_identity_leaf(&mut paper, &mut stock, leaf);
                if leaf == pages / 512 {
                    prop_assert!(matches!(set, Err(P2mError::Beyond { .. })), "a leaf that is used in part");
                    continue;
                }
                let new = set.unwrap();
                prop_assert_eq!(new.index(), leaf);
                let all = leaf * 512..pages.min(leaf * 512 + 512);
                all.for_each(|pfn| { paper.oracle.changed.insert(pfn, P2mEntry::Identity); });
                shared[leaf as usize] = true;
                continue;
            };
            let changes_nothing = paper.oracle.entry_of(pfn) == entry;
            let new = tree.set(&mut paper, &mut stock, Pfn::new(pfn), entry).unwrap();
            let must_be_new = shared[leaf as usize] && !changes_nothing;
            let made = match new {
                Set::InPlace => None,
                Set::New(new) => Some(new.index()),
            };
            prop_assert_eq!(made, must_be_new.then_some(leaf));
            prop_assert_eq!(stock.frames.taken() - taken, u64::from(must_be_new));
            shared[leaf as usize] &= !must_be_new;
            paper.oracle.changed.insert(pfn, entry);
        }
        check(&tree, &paper);
    }
}

#[test]
fn pages_of_a_shared_leaf_are_never_written() {
    let (mut paper, mut stock, mut tree) = tree(4096, 2000, std::slice::from_ref(&(1024..3072)));
    tree.revector(&mut paper, &mut stock).unwrap();
    let shared = tree.leaf_pfn(&paper, &window(), 4).unwrap();
    let ram = P2mEntry::Ram(Mfn::new(5));
    assert!(matches!(tree.set(&mut paper, &mut stock, Pfn::new(1500), ram).unwrap(), Set::New(_)));
    paper.oracle.changed.insert(1500, ram);
    check(&tree, &paper);
    let leaves = [2, 3, 4, 5].map(|leaf| tree.leaf_pfn(&paper, &window(), leaf).unwrap() == shared);
    assert_eq!(leaves, [false, true, true, true], "leaves without a page share one");
    assert!((0..512).all(|index| peek(&paper, shared, index) == P2mEntry::MISSING));
}
