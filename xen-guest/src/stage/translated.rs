//! Stage 2: pages can be translated; the layout is planned.

use mmu::{BuilderTables, LayoutPlan, Region};
use p2m::{Authority, List};

use super::{Setting, settled::Settled};
use crate::{boot::Failure, platform::Platform};

/// The builder's list is trusted.
#[derive(Debug)]
pub struct Translated {
    pub(super) setting: Setting,
    pub(super) authority: Authority,
    pub(super) list: List,
    pub(super) plan: LayoutPlan,
}

impl Translated {
    /// Reserves addresses for the kernel, as long as the layout is not settled.
    ///
    /// # Errors
    /// [`mmu::Error::Overlap`] with both regions when they meet another.
    pub fn reserve(&mut self, region: Region) -> Result<(), mmu::Error> {
        self.plan.reserve(region)
    }

    /// Decides the layout for good, and finds how far the builder's mapping reaches.
    ///
    /// # Errors
    /// [`Failure`] when the builder's mapping does not end where it must.
    pub fn settle<P: Platform>(mut self, platform: &mut P) -> Result<Settled, Failure> {
        let Setting { facts, .. } = &self.setting;
        let builder = BuilderTables::adopt(self.authority, platform, &self.list, facts)
            .map_err(|cause| Failure::new("builder's tables", cause))?;
        self.setting.report.end(platform, "layout", 0);
        Ok(Settled { setting: self.setting, list: self.list, layout: self.plan.settle(), builder })
    }
}
