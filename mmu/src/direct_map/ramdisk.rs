//! The pages of the ramdisk.
//!
//! *What this is*: where the ramdisk is now: where start_info says, unless it had to make way.
//!
//! *What must hold*: once its bytes were lent, which is for ever, the pages are never moved or given back. So nobody can name
//! other pages as the ramdisk's, and lending is noted.

use p2m::Authority;
use start_info::{BootFacts, PfnRange};

/// The pages, and whether their bytes were lent.
#[derive(Debug)]
pub struct RamdiskPages {
    pfns: PfnRange,
    len: u64,
    lent: bool,
}

impl RamdiskPages {
    /// Returns those that start_info names; `None` when there is no ramdisk.
    #[must_use]
    pub fn of(_: &Authority, facts: &BootFacts) -> Option<Self> {
        facts.ramdisk().map(|ramdisk| Self { pfns: ramdisk.pfns, len: ramdisk.len, lent: false })
    }

    /// Returns the pages.
    #[must_use]
    pub const fn pfns(&self) -> PfnRange {
        self.pfns
    }

    /// Returns the length in bytes, as start_info has it.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.len
    }

    pub(crate) const fn lend(&mut self) {
        self.lent = true;
    }

    pub(crate) const fn is_lent(&self) -> bool {
        self.lent
    }

    pub(crate) const fn set(&mut self, pfns: PfnRange) {
        self.pfns = pfns;
    }
}
