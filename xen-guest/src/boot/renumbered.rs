//! Stage 3: every page has its number; the layout is planned.

use mmu::{BuilderTables, LayoutPlan};
use p2m::{Authority, BootReserved, Move, Renumbering};

use crate::{
    boot::{context::BootContext, failure::Failure, settled::Settled, stage::Stage},
    platform::Platform,
    report::pages::Padding,
};

/// The numbers are planned.
#[derive(Debug)]
pub(crate) struct Renumbered {
    pub(super) context: BootContext,
    pub(super) authority: Authority,
    pub(super) boot_reserved: BootReserved,
    pub(super) pages: Renumbering,
    pub(super) plan: LayoutPlan,
}

impl Renumbered {
    /// Decides the layout for good, finds how far the builder's mapping reaches, and gives pages their new numbers.
    ///
    /// # Errors
    /// [`Failure`] when the builder's mapping does not end where it must, or when Xen refuses a new number.
    pub(crate) fn settle<P: Platform>(mut self, platform: &mut P) -> Result<Settled, Failure> {
        let BootContext { facts, report, .. } = &mut self.context;
        let layout = self.plan.settle();
        platform.note_bases(layout.bases());
        let builder =
            BuilderTables::adopt(self.authority, platform, self.pages.list(), facts, layout.bases())
                .map_err(|cause| Failure::new(Stage::BuilderTables, cause))?;
        report.end(platform, Stage::Layout, 0);
        if let Some(padding) = Padding::up_to(facts, builder.end()) {
            report.tell(platform, &padding);
        }
        if !self.pages.is_as_built() {
            builder.renumber(platform, &self.pages).map_err(|cause| Failure::new(Stage::MemoryMap, cause))?;
            log::info!("memory map: {}", self.pages);
            for Move { from, to } in self.pages.lasting().moves() {
                log::info!("memory map: pfn {from} stays in use, as pfn {to}");
            }
            self.context.report.end(platform, Stage::Renumber, 0);
        }
        let Self { context: setting, boot_reserved, pages, .. } = self;
        Ok(Settled { context: setting, boot_reserved, pages, layout, builder })
    }
}
