//! Stage 2: pages can be translated; the layout is planned.

use mmu::{BuilderTables, LayoutPlan};
use p2m::List;

use super::{Setting, settled::Settled};
use crate::{boot::Failure, platform::Platform};

/// The builder's list is trusted.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(super) setting: Setting,
    pub(super) list: List,
}

impl Translated {
    /// Decides the layout for good, and finds how far the builder's mapping reaches.
    pub(crate) fn settle<P: Platform>(mut self, platform: &mut P) -> Result<Settled, Failure> {
        let Setting { facts, .. } = &self.setting;
        let layout = LayoutPlan::new(facts.nr_pages(), facts.image())
            .map_err(|cause| Failure::new("layout", cause))?
            .settle();
        let builder = BuilderTables::adopt(platform, &self.list, facts)
            .map_err(|cause| Failure::new("builder's tables", cause))?;
        self.setting.report.end(platform, "layout", 0);
        Ok(Settled { setting: self.setting, list: self.list, layout, builder })
    }
}
