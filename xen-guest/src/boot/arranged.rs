//! Stage 3: every page has its number; the layout is planned.

use mmu::{BuilderTables, LayoutPlan};
use p2m::{Arrangement, Authority, Occupied};

use crate::{
    boot::{failure::Failure, setting::Setting, settled::Settled, stage::Stage},
    platform::Platform,
};

/// The numbers are planned.
#[derive(Debug)]
pub(crate) struct Arranged {
    pub(super) setting: Setting,
    pub(super) authority: Authority,
    pub(super) occupied: Occupied,
    pub(super) pages: Arrangement,
    pub(super) plan: LayoutPlan,
}

impl Arranged {
    /// Decides the layout for good, finds how far the builder's mapping reaches, and gives pages their new numbers.
    ///
    /// # Errors
    /// [`Failure`] when the builder's mapping does not end where it must, or Xen refuses a new number.
    pub(crate) fn settle<P: Platform>(mut self, platform: &mut P) -> Result<Settled, Failure> {
        let Setting { facts, .. } = &self.setting;
        let builder = BuilderTables::adopt(self.authority, platform, self.pages.list(), facts)
            .map_err(|cause| Failure::new(Stage::BuilderTables, cause))?;
        self.setting.report.end(platform, Stage::Layout, 0);
        if !self.pages.is_as_built() {
            builder.arrange(platform, &self.pages).map_err(|cause| Failure::new(Stage::MemoryMap, cause))?;
            log::info!("memory map: {}", self.pages);
            self.setting.report.end(platform, Stage::Renumber, 0);
        }
        let Self { setting, occupied, pages, plan, .. } = self;
        Ok(Settled { setting, occupied, pages, layout: plan.settle(), builder })
    }
}
