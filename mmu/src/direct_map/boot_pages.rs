//! What was in use at entry, and how the direct map maps it.
//!
//! *What this is*: the pages that hold something, those of them that are mapped for reading only, and a list of the
//! builder's that is not mapped at all before it is let go (see `deferred.rs`).
//!
//! *What must hold*: a page is on the lists before the chunk that has it is mapped, and is taken off them when it is
//! let go. Live tables of the builder, pages it may have made tables, our own first tables and the kernel's constants
//! are read-only.

use arrayvec::ArrayVec;
use p2m::{BootReserved, MAX_OCCUPANTS};
use start_info::{BootFacts, P2mPlace, Pfn, PfnRange};

use crate::{direct_map::needed::Needed, paging::entry::Access, space::builder_p2m::BuilderP2m};

/// What is in use at entry, page 0, and our own first tables.
const MAX_RANGES: usize = MAX_OCCUPANTS + 2;

/// Pages that are not like the others.
#[derive(Debug)]
pub(super) struct BootPages {
    /// Pages that hold something and are handed out to nobody.
    reserved: ArrayVec<PfnRange, MAX_RANGES>,
    /// Pages mapped for reading only.
    read_only: ArrayVec<PfnRange, MAX_RANGES>,
    /// Pages that are not mapped before they are let go.
    deferred: PfnRange,
}

impl BootPages {
    /// Lists them: `own` are our own first tables, `constant` the pages of the image that are not to be written.
    pub(super) fn new(
        occupied: &BootReserved,
        facts: &BootFacts,
        own: PfnRange,
        constant: PfnRange,
        old_list: BuilderP2m,
    ) -> Self {
        let mut reserved: ArrayVec<PfnRange, MAX_RANGES> = occupied.ranges().collect();
        // Page 0 stays unused: a pseudo-physical address of 0 is never right.
        reserved.push(PfnRange::one(Pfn::new(0)));
        reserved.push(own);
        let mut read_only = ArrayVec::new();
        read_only.push(own);
        read_only.push(constant);
        read_only.push(facts.page_tables().pfns);
        let mut deferred = PfnRange::EMPTY;
        if let P2mPlace::Own(frames) = facts.p2m_list().place {
            read_only.push(frames);
            if old_list == BuilderP2m::Copied {
                deferred = frames;
            }
        }
        Self { reserved, read_only, deferred }
    }

    /// Returns the pages that are handed out to nobody.
    pub(super) fn reserved(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.reserved.iter().copied()
    }

    /// Tells whether all of these pages are left out for now.
    pub(super) fn are_deferred(&self, pages: PfnRange) -> bool {
        pages.intersection(self.deferred) == pages
    }

    /// Tells whether some of these pages are mapped for reading only.
    pub(super) fn has_read_only(&self, pages: PfnRange) -> bool {
        self.read_only.iter().any(|range| range.overlaps(pages))
    }

    /// Returns what may be done with a page.
    pub(super) fn access(&self, pfn: Pfn) -> Access {
        if self.read_only.iter().any(|range| range.contains(pfn)) { Access::Read } else { Access::ReadWrite }
    }

    /// Returns how many frames mapping `unmapped` may take that it does not yield, because what is mapped is in use.
    pub(super) fn tables_without_yield(&self, unmapped: PfnRange) -> u64 {
        let tables = |range: &PfnRange| {
            let tables =
                if *range == self.deferred { 0 } else { Needed::tables(range.intersection(unmapped)) };
            tables + Needed::EDGES
        };
        self.reserved.iter().filter(|range| range.overlaps(unmapped)).map(tables).sum()
    }

    /// Takes the pages that follow off the lists, because they are released before the chunk that has them is mapped.
    pub(super) fn forget(&mut self, pages: PfnRange) {
        if self.deferred == pages {
            self.deferred = PfnRange::EMPTY;
        }
        self.reserved.retain(|range| *range != pages);
        self.read_only.retain(|range| *range != pages);
    }
}
