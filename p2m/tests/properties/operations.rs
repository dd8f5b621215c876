//! Lists of operations on a P2M, compared with a map.

use std::collections::BTreeMap;

use kit::random::{Random, repeat};
use p2m::{MachineToPhys, NewLeaf, P2mEntry, Publication, Set, Translate, Tree};
use start_info::{Mfn, Pfn};

use crate::paper::{Paper, Stock, machine_frame, peek, tree, window};

/// The stock's frames are in these pages: their entries do not change.
const STOCK: std::ops::Range<u64> = 16..416;

struct Subject {
    paper: Paper,
    stock: Stock,
    tree: Tree,
    publication: Option<Publication>,
    is_revectored: bool,
    pages: u64,
    changed: BTreeMap<u64, P2mEntry>,
}

impl Subject {
    fn new(random: &mut Random) -> Self {
        let pages = match random.below(4) {
            0 => (1 << 18) + random.below(5) - 2,
            1 => 1024 + 512 * random.below(4) + random.below(3) - 1,
            _ => 1024 + random.below(4000),
        }
        .max(1024);
        let hole = STOCK.end + random.below(pages - STOCK.end);
        let end = (hole + random.below(2000)).min(pages);
        let (paper, stock, tree) = tree(pages, STOCK.end - STOCK.start, std::slice::from_ref(&(hole..end)));
        Self { paper, stock, tree, publication: None, is_revectored: false, pages, changed: BTreeMap::new() }
    }

    fn expected(&self, pfn: u64) -> P2mEntry {
        self.changed.get(&pfn).copied().unwrap_or_else(|| self.paper.oracle.entry_of(pfn))
    }

    fn pfn(&self, random: &mut Random) -> u64 {
        let edge = (random.below(self.pages) / 512 * 512 + random.below(3)).saturating_sub(1);
        let pfn = if random.below(2) == 0 { random.below(self.pages + 700) } else { edge };
        if STOCK.contains(&pfn) { STOCK.end } else { pfn }
    }

    fn set(&mut self, random: &mut Random) {
        let pfn = self.pfn(random);
        let mfn = Mfn::new(random.below(1 << 40));
        let entry =
            random.of(&[P2mEntry::Ram(mfn), P2mEntry::Foreign(mfn), P2mEntry::Missing, P2mEntry::Identity]);
        // Before the move the leaves are the builder's list, which is never written.
        if !self.is_revectored {
            return self.revector();
        }
        match self.tree.set(&mut self.paper, &mut self.stock, Pfn::new(pfn), entry) {
            Ok(set) => {
                assert!(pfn < self.pages);
                self.changed.insert(pfn, entry);
                if let Set::New(leaf) = set {
                    self.replace(&leaf);
                }
            }
            Err(p2m::P2mError::Beyond { .. }) => assert!(pfn >= self.pages),
            Err(p2m::P2mError::NoFrames) => assert_eq!(self.stock.frames.free(), 0),
            Err(error) => panic!("{error}"),
        }
    }

    fn identity_leaf(&mut self, random: &mut Random) {
        let leaf = STOCK.end.div_ceil(512) + random.below(self.tree.leaves() - 1);
        if leaf >= self.tree.leaves() {
            return;
        }
        let set = self.tree.set_identity_leaf(&mut self.paper, &mut self.stock, leaf);
        if leaf == self.pages / 512 {
            assert!(matches!(set, Err(p2m::P2mError::Beyond { .. })), "a leaf that is used in part");
            return;
        }
        let new = set.unwrap();
        let all = leaf * 512..leaf * 512 + 512;
        self.changed.extend(all.map(|pfn| (pfn, P2mEntry::Identity)));
        self.replace(&new);
    }

    fn replace(&mut self, new: &NewLeaf) {
        if let Some(publication) = &mut self.publication {
            publication.replace(&self.tree, &mut self.paper, &window(), new).unwrap();
        }
    }

    fn revector(&mut self) {
        // Published leaves are not moved again: the toolstack would not know.
        if self.publication.is_some() {
            return;
        }
        match self.tree.revector(&mut self.paper, &mut self.stock) {
            Ok(done) => {
                // What an earlier attempt moved is not moved again.
                assert!(done.copied + done.missing <= self.tree.leaves());
                assert_eq!(self.tree.confirm_leaves(&self.paper, &window()), Ok(()));
                self.is_revectored = true;
            }
            Err(error) => assert_eq!((error, self.stock.frames.free()), (p2m::P2mError::NoFrames, 0)),
        }
    }

    fn publish(&mut self) {
        if self.is_revectored && self.publication.is_none() {
            match Publication::build(&self.tree, &mut self.paper, &mut self.stock, &window()) {
                Ok(publication) => self.publication = Some(publication),
                Err(error) => assert_eq!((error, self.stock.frames.free()), (p2m::P2mError::NoFrames, 0)),
            }
        }
    }

    /// Compares the tree's and the three-level list's answers for a page.
    fn look_up(&self, pfn: u64) {
        let found = self.tree.entry(&self.paper, Pfn::new(pfn));
        assert_eq!(found, self.expected(pfn), "pfn {pfn:#x} of {:#x}", self.pages);
        let Some(publication) = self.publication.as_ref().filter(|_| pfn < self.pages) else { return };
        let page = |mfn: u64| self.paper.pfn_of(Mfn::new(mfn)).unwrap();
        let leaf = pfn / 512;
        let middle = peek(
            &self.paper,
            page(publication.frame_list_list(&self.tree, &self.paper).unwrap()),
            leaf / 512,
        );
        let leaf = page(peek(&self.paper, page(middle), leaf % 512));
        assert!(STOCK.contains(&leaf.get()) && machine_frame(leaf.get()).get() > 0);
        assert_eq!(peek(&self.paper, leaf, pfn % 512), found.encode(), "{pfn:#x} as published");
    }
}

#[test]
fn a_p2m_answers_like_a_map_whatever_is_done_to_it() {
    let (mut published, mut changes) = (0_u64, 0);
    repeat("p2m", 400, |random| {
        let mut subject = Subject::new(random);
        for _ in 0..random.below(200) {
            match random.below(20) {
                0..8 => subject.set(random),
                8 => subject.identity_leaf(random),
                9 => subject.revector(),
                10 => subject.publish(),
                _ => {
                    let pfn = subject.pfn(random);
                    subject.look_up(pfn);
                }
            }
        }
        for pfn in (0..subject.pages + 2).step_by(if subject.pages > 10_000 { 61 } else { 1 }) {
            subject.look_up(pfn);
        }
        published += u64::from(subject.publication.is_some());
        changes += subject.changed.len();
    });
    assert!(published > 0 && changes > 0, "{published} published, {changes} changes: too little was tried");
}
