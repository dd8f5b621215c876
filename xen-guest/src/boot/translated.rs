//! Stage 2: pages can be translated; the machine's memory map decides under which numbers.

use mmu::{LayoutPlan, layout::Bases};
use p2m::{Authority, BootReserved, Displaced, List, Renumbering};

use crate::{
    boot::{context::BootContext, failure::Failure, options::Revector, renumbered::Renumbered, stage::Stage},
    platform::{MapOf, Platform},
};

/// The builder's list is trusted.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(super) context: BootContext,
    pub(super) authority: Authority,
    pub(super) list: List,
}

impl Translated {
    /// Asks for the memory map and plans which pages get other numbers. Nothing is changed yet.
    ///
    /// # Errors
    /// [`Failure`] when dom0 gets no map, with both ranges when something in use that cannot leave lies where the
    /// machine has no RAM, or with the regions of the layout that overlap.
    pub(crate) fn renumber<P: Platform>(mut self, platform: &mut P) -> Result<Renumbered, Failure> {
        let facts = &self.context.facts;
        let of = if facts.is_dom0() { MapOf::Machine } else { MapOf::Domain };
        let map = platform.memory_map(of).map_err(|cause| Failure::new(Stage::MemoryMap, cause))?;
        let boot_reserved = BootReserved::at_entry(facts);
        let displaced = match self.context.options.revector {
            Revector::On => Displaced::Moved,
            Revector::Off => Displaced::GivenBack,
        };
        let pages = match map {
            Some(map) => Renumbering::plan(&self.authority, self.list, map, boot_reserved.clone(), displaced)
                .map_err(|cause| Failure::new(Stage::MemoryMap, cause))?,
            None => Renumbering::as_built(self.list, &boot_reserved),
        };
        let image = &self.context.image;
        let bases = image.drawn.map_or(Bases::FIXED, |words| Bases::drawn(pages.pages(), words));
        let plan = LayoutPlan::new(pages.pages(), facts.image(), image.map, bases)
            .map_err(|cause| Failure::new(Stage::Layout, cause))?;
        self.context.map = map;
        self.context.report.end(platform, Stage::MemoryMap, 0);
        Ok(Renumbered { context: self.context, authority: self.authority, boot_reserved, pages, plan })
    }
}
