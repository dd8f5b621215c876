//! What was in use at entry, and how the direct map maps it.
//!
//! *What this is*: the pages that are in use at entry, which of them are mapped read-only, and a builder's list that is
//! not mapped at all until it is released (see `deferred.rs`).
//!
//! *What must hold*: a page is on the lists before its chunk is mapped, and is taken off them when it is released. Live
//! tables of the builder, pages it may have made tables, our own first tables and the kernel's constants are read-only,
//! by the numbers that their pages have now.

use arrayvec::ArrayVec;
use p2m::{BootReserved, LastingPages, MAX_OCCUPANTS};
use start_info::{BootFacts, P2mPlace, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{direct_map::needed::Needed, paging::entry::Access, space::builder_p2m::BuilderP2m};

/// What is in use at entry, page 0, and our own first tables.
const MAX_RANGES: usize = MAX_OCCUPANTS + 2;

/// Pages that the direct map treats differently.
#[derive(Debug)]
pub(super) struct BootPages {
    /// Pages that stay in use.
    lasting: LastingPages,
    /// The same, if some of them have other numbers than in the builder's list; otherwise they are in the lists below, which
    /// takes less time.
    renumbered: Option<LastingPages>,
    /// The pages of the image that are never written, by the numbers of the builder's list.
    constant: PfnRange,
    /// Other pages in use, which the allocator never hands out.
    reserved: ArrayVec<PfnRange, MAX_RANGES>,
    /// Other pages mapped read-only.
    read_only: ArrayVec<PfnRange, MAX_RANGES>,
    /// Pages that are not mapped until they are released.
    deferred: PfnRange,
}

impl BootPages {
    /// Lists them: `own` are our own first tables, `constant` the pages of the image that are never written.
    pub(super) fn new(
        lasting: LastingPages,
        boot_reserved: &BootReserved,
        facts: &BootFacts,
        own: PfnRange,
        constant: PfnRange,
        old_list: BuilderP2m,
    ) -> Self {
        let mut reserved: ArrayVec<PfnRange, MAX_RANGES> =
            boot_reserved.passing().map(|(_, pages)| pages).collect();
        // Page 0 stays unused: a pseudo-physical address of 0 is never right.
        reserved.push(PfnRange::one(Pfn::new(0)));
        reserved.push(own);
        let mut read_only = ArrayVec::new();
        read_only.push(own);
        read_only.push(facts.page_tables().pfns);
        read_only.push(facts.slide_tables());
        let mut deferred = PfnRange::EMPTY;
        if let P2mPlace::Own(frames) = facts.p2m_list().place {
            read_only.push(frames);
            if old_list == BuilderP2m::Copied {
                deferred = frames;
            }
        }
        let renumbered = lasting.moves().next().map(|_| lasting);
        if renumbered.is_none() {
            reserved.extend(lasting.all().map(|run| run.pfns));
            read_only.push(constant);
        }
        Self { lasting, renumbered, constant, reserved, read_only, deferred }
    }

    /// Returns the pages that are never handed out.
    pub(super) fn reserved(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let renumbered = self.renumbered.iter().flat_map(|lasting| lasting.all().map(|run| run.pfns));
        self.reserved.iter().copied().chain(renumbered)
    }

    /// Returns which numbers the pages have that stay in use.
    pub(super) const fn lasting(&self) -> LastingPages {
        self.lasting
    }

    /// Tells whether all of these pages are left out for now.
    pub(super) fn are_deferred(&self, pages: PfnRange) -> bool {
        pages.intersection(self.deferred) == pages
    }

    /// Tells whether some of these pages are mapped read-only.
    pub(super) fn has_read_only(&self, pages: PfnRange) -> bool {
        let mut renumbered = self.renumbered.iter().flat_map(|lasting| lasting.pfns(self.constant));
        self.read_only.iter().any(|range| range.overlaps(pages))
            || renumbered.any(|range| range.overlaps(pages))
    }

    /// Returns how a page is mapped.
    pub(super) fn access(&self, pfn: Pfn) -> Access {
        let is_constant = self.renumbered.is_some_and(|lasting| self.constant.contains(lasting.origin(pfn)));
        if is_constant || self.read_only.iter().any(|range| range.contains(pfn)) {
            Access::Read
        } else {
            Access::ReadWrite
        }
    }

    /// Returns how many frames mapping `unmapped`, in a direct map at `base`, may take without yielding any, because the mapped
    /// pages are in use.
    pub(super) fn tables_without_yield(&self, unmapped: PfnRange, base: VirtAddr) -> u64 {
        let tables = |range: PfnRange| {
            let tables =
                if range == self.deferred { 0 } else { Needed::tables(range.intersection(unmapped), base) };
            tables + Needed::EDGES
        };
        self.reserved().filter(|range| range.overlaps(unmapped)).map(tables).sum()
    }

    /// Takes the given pages off the lists, because they are released before their chunk is mapped.
    pub(super) fn forget(&mut self, pages: PfnRange) {
        if self.deferred == pages {
            self.deferred = PfnRange::EMPTY;
        }
        self.reserved.retain(|range| *range != pages);
        self.read_only.retain(|range| *range != pages);
    }
}
