//! The pages of the ramdisk.
//!
//! *What this is*: where the ramdisk is now: where start_info says, unless it had to move.
//!
//! *What must hold*: once its bytes were lent, which is for good, the pages are never moved or given back. So lending
//! is noted, and nobody else can name other pages as the ramdisk's.

use p2m::{Authority, Translate};
use start_info::{BootFacts, Index, PfnRange};

use crate::{
    direct_map::DirectMap,
    error::{MmuError, RunOf},
    hv::Machine,
};

/// The pages, and whether their bytes were lent.
#[derive(Debug)]
pub struct RamdiskPages {
    pfns: PfnRange,
    len: u64,
    lent: bool,
}

impl RamdiskPages {
    /// Returns the pages that start_info names; `None` when there is no ramdisk.
    #[must_use]
    pub fn of(_: &Authority, facts: &BootFacts) -> Option<Self> {
        facts.ramdisk().map(|ramdisk| Self { pfns: ramdisk.pfns, len: ramdisk.len, lent: false })
    }

    /// Returns the pages.
    #[must_use]
    pub const fn pfns(&self) -> PfnRange {
        self.pfns
    }

    /// Returns the length in bytes that start_info gives.
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

impl DirectMap {
    /// Returns where the ramdisk is, if there is one.
    #[must_use]
    pub fn ramdisk_pfns(&self) -> Option<PfnRange> {
        self.ramdisk.as_ref().map(RamdiskPages::pfns)
    }

    /// Returns the pages of the ramdisk. From then on they stay where they are, because somebody reads them.
    pub const fn lend_ramdisk(&mut self) -> Option<&RamdiskPages> {
        match &mut self.ramdisk {
            Some(ramdisk) => {
                ramdisk.lend();
                Some(ramdisk)
            }
            None => None,
        }
    }

    /// Copies a ramdisk that lies where the machine has no RAM to a run of free pages, and gives the old ones to the
    /// allocator, all but those in `held_in_holes`.
    ///
    /// # Errors
    /// [`MmuError::RamdiskLent`] when somebody reads it, [`MmuError::NoRun`] when no run is long enough, and as
    /// [`DirectMap::grow`]; nothing is released then.
    pub fn move_ramdisk<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        held_in_holes: impl Iterator<Item = PfnRange> + Clone,
    ) -> Result<(), MmuError> {
        let Some(ramdisk) = &self.ramdisk else { return Ok(()) };
        let pages = ramdisk.pfns();
        if ramdisk.is_lent() {
            return Err(MmuError::RamdiskLent { pages });
        }
        self.grow_to(machine, p2m, pages.end())?;
        let room = self.take_span(machine, p2m, pages.len());
        let mut room = room.map_err(|error| match error {
            MmuError::NoRun { need, longest, free, .. } => {
                MmuError::NoRun { object: RunOf::Ramdisk(pages), need, longest, free }
            }
            error => error,
        })?;
        let new = room.range();
        for (from, to) in pages.iter().zip(new.iter()) {
            p2m.entry(machine, from).ram().ok_or(MmuError::NoMemory { pfn: from })?;
            let source =
                self.view.direct().word(from, Index::FIRST).ok_or(MmuError::NoMemory { pfn: from })?;
            let target = self.view.direct().take_first(&mut room, machine, p2m);
            let mut target = target.ok_or(MmuError::NoMemory { pfn: to })?;
            machine.copy_page(source, &mut target);
        }
        self.forget(pages);
        self.give_released(machine, pages, held_in_holes);
        if let Some(ramdisk) = &mut self.ramdisk {
            ramdisk.set(new);
        }
        Ok(())
    }
}
