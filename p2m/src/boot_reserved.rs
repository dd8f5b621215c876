//! The pages in use at entry, and what each is used for.
//!
//! *What this is*: the pages that start_info names. Pages between them, such as the domain builder's padding, are free.
//!
//! *What must hold*: a listed page is not handed out, and keeps its number until its user releases it. Pages that are never
//! released may get other numbers ([`crate::LastingPages`]).

use core::fmt;

use arrayvec::ArrayVec;
use start_info::{BootFacts, P2mPlace, PfnRange};

/// How many uses start_info can name.
pub const MAX_OCCUPANTS: usize = 9;

/// What a page is used for at entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupant {
    /// The kernel image.
    Image,
    /// The builder's list, with its tables if it has an address of its own.
    List,
    /// The start_info page.
    StartInfo,
    /// The builder's page tables.
    PageTables,
    /// The stack at entry.
    BootStack,
    /// The page tables of an image at an address chosen at boot.
    SlideTables,
    /// The ramdisk.
    Ramdisk,
    /// A page shared with xenstore or with the console daemon.
    Ring,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "the kernel image",
            Self::List => "the builder's P2M list",
            Self::StartInfo => "start_info",
            Self::PageTables => "the builder's page tables",
            Self::BootStack => "the boot stack",
            Self::SlideTables => "the first page tables of the moved image",
            Self::Ramdisk => "the ramdisk",
            Self::Ring => "a ring page",
        })
    }
}

/// The pages in use at entry.
#[derive(Clone, Debug)]
pub struct BootReserved {
    ranges: ArrayVec<(Occupant, PfnRange), MAX_OCCUPANTS>,
    is_dom0: bool,
}

impl BootReserved {
    /// Finds the pages in use. The pages for rings count, whatever ring frames start_info names: those frames are
    /// checked before a ring is used.
    #[must_use]
    pub fn at_entry(facts: &BootFacts) -> Self {
        let (P2mPlace::Image(list) | P2mPlace::Own(list)) = facts.p2m_list().place;
        let fixed = [
            (Occupant::Image, facts.image()),
            (Occupant::List, list),
            (Occupant::StartInfo, PfnRange::one(facts.start_info_pfn())),
            (Occupant::PageTables, facts.page_tables().pfns),
            (Occupant::BootStack, PfnRange::one(facts.boot_stack())),
            (Occupant::SlideTables, facts.slide_tables()),
        ];
        let ramdisk = facts.ramdisk().map(|ramdisk| (Occupant::Ramdisk, ramdisk.pfns));
        let rings = facts.ring_pages();
        let ranges = fixed
            .into_iter()
            .chain(ramdisk)
            .chain(rings.iter().map(|pfn| (Occupant::Ring, PfnRange::one(pfn))))
            .filter(|(_, range)| !range.is_empty())
            .collect();
        Self { ranges, is_dom0: facts.is_dom0() }
    }

    /// Returns each use and its pages.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Occupant, PfnRange)> + Clone + '_ {
        self.ranges.iter().copied()
    }

    /// Returns the pages in use, by the numbers of the builder's list.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.ranges.iter().map(|&(_, range)| range)
    }

    /// Returns the pages that stay in use: the image, a domU's start_info and its rings.
    pub(crate) fn lasting(&self) -> [PfnRange; 3] {
        [Occupant::Image, Occupant::StartInfo, Occupant::Ring].map(|wanted| {
            let ranges =
                self.ranges.iter().filter(|&&(occupant, _)| occupant == wanted && self.is_lasting(occupant));
            let ranges = ranges.map(|&(_, pages)| pages);
            // The pages for rings are adjacent.
            ranges.reduce(|all, pages| PfnRange::between(all.start(), pages.end())).unwrap_or(PfnRange::EMPTY)
        })
    }

    /// Returns the uses that end during the boot, and their pages: all but those that last.
    pub fn passing(&self) -> impl Iterator<Item = (Occupant, PfnRange)> + Clone + '_ {
        self.ranges.iter().copied().filter(|&(occupant, _)| !self.is_lasting(occupant))
    }

    /// Tells whether the pages stay in use. dom0's start_info is no longer used once it is copied; a domU's, and its rings,
    /// are known to the toolstack by their frames.
    const fn is_lasting(&self, occupant: Occupant) -> bool {
        match occupant {
            Occupant::Image | Occupant::Ring => true,
            Occupant::StartInfo => !self.is_dom0,
            Occupant::List
            | Occupant::PageTables
            | Occupant::BootStack
            | Occupant::SlideTables
            | Occupant::Ramdisk => false,
        }
    }
}
