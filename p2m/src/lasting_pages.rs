//! Which page numbers the pages have that stay in use.
//!
//! *What this is*: the kernel image, and a domU's start_info and rings, are never released. The numbers of the builder's
//! list give the image's pages their addresses. A page of these where the machine has no RAM gets another number, and keeps
//! its memory and whatever is known of it by frame or by address. So what leads from an address of the image to a page number is not one
//! offset but some runs, and this is where they are known.
//!
//! *What must hold*: of the pages that need another number, the n-th gets the n-th number after the list where the machine
//! has RAM. [`crate::Renumbering`] gives these pages theirs before all others.

use start_info::{MemoryMap, Pfn, PfnRange};

use crate::renumbering::{Move, pair};

/// The page numbers of the pages that stay in use.
#[derive(Clone, Copy, Debug)]
pub struct LastingPages {
    /// The image, start_info and the rings by the numbers of the builder's list, in ascending order.
    listed: [PfnRange; 3],
    /// The first number after the list.
    end: Pfn,
    /// `None` when all pages keep their numbers.
    map: Option<&'static MemoryMap>,
}

/// Adjacent pages that have adjacent numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastingRun {
    /// Their numbers in the builder's list; those of the image have their addresses by them.
    pub listed: PfnRange,
    /// Their numbers now.
    pub pfns: PfnRange,
}

impl LastingPages {
    /// Returns pages that all keep the numbers of the builder's list.
    pub(crate) const fn as_built(listed: [PfnRange; 3]) -> Self {
        Self { listed, end: Pfn::new(0), map: None }
    }

    /// Returns the same pages of a list that ends at `end`, on a machine with this map.
    pub(crate) fn on_machine(self, end: Pfn, map: &'static MemoryMap) -> Self {
        let meets_hole = map.holes(end).any(|hole| self.listed.iter().any(|pages| pages.overlaps(hole)));
        Self { end, map: meets_hole.then_some(map), ..self }
    }

    /// Tells whether a page is one of these, by the numbers of the builder's list.
    #[must_use]
    pub fn contains(self, pfn: Pfn) -> bool {
        self.listed.iter().any(|pages| pages.contains(pfn))
    }

    /// Returns the pages that get new numbers, in ascending order of both numbers.
    pub fn moves(self) -> impl Iterator<Item = Move> + Clone + use<> {
        let free = self.map.into_iter().flat_map(move |map| map.ram().map(move |ram| ram.from(self.end)));
        pair(self.in_holes(), free)
    }

    /// Returns the pages, by the list's numbers, for which the machine has no RAM.
    pub(crate) fn in_holes(self) -> impl Iterator<Item = PfnRange> + Clone + use<> {
        let holes = move || self.map.into_iter().flat_map(move |map| map.holes(self.end));
        let pages = self.listed.into_iter();
        let in_holes = pages.flat_map(move |pages| holes().map(move |hole| hole.intersection(pages)));
        in_holes.filter(|pages| !pages.is_empty())
    }

    /// Returns the pages, by the list's numbers, that find no new number.
    pub(crate) fn without_number(self) -> impl Iterator<Item = PfnRange> + Clone + use<> {
        let moved = self.moves().last().map_or(Pfn::new(0), |last| last.from.end());
        self.in_holes().map(move |pages| pages.from(moved)).filter(|rest| !rest.is_empty())
    }

    /// Returns the runs that pages in use have, given by the numbers of the builder's list, in ascending order of these.
    pub fn runs(self, listed: PfnRange) -> impl Iterator<Item = LastingRun> + Clone + use<> {
        let (mut rest, mut moves) = (listed, self.moves());
        let mut next = moves.next();
        core::iter::from_fn(move || {
            let start = rest.iter().next()?;
            while next.is_some_and(|moved| moved.from.end() <= start) {
                next = moves.next();
            }
            let (end, first) = match next {
                Some(Move { from, to }) if from.contains(start) => {
                    (from.end(), to.start().plus(start.get() - from.start().get()))
                }
                Some(Move { from, .. }) => (from.start(), start),
                None => (rest.end(), start),
            };
            let listed = rest.below(end);
            rest = rest.from(end);
            Some(LastingRun { listed, pfns: PfnRange::between(first, first.plus(listed.len().get())) })
        })
    }

    /// Returns the numbers that pages in use have now, given by the numbers of the builder's list.
    pub fn pfns(self, listed: PfnRange) -> impl Iterator<Item = PfnRange> + Clone + use<> {
        self.runs(listed).map(|run| run.pfns)
    }

    /// Returns the number in the builder's list of a page that has the number `pfn` now.
    #[must_use]
    pub fn origin(self, pfn: Pfn) -> Pfn {
        let moved = self.moves().find(|moved| moved.to.contains(pfn));
        moved.map_or(pfn, |moved| moved.from.start().plus(pfn.get() - moved.to.start().get()))
    }

    /// Returns the runs of all these pages.
    pub fn all(self) -> impl Iterator<Item = LastingRun> + Clone + use<> {
        self.listed.into_iter().flat_map(move |pages| self.runs(pages))
    }
}
