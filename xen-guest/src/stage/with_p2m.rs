//! Stage 5: the P2M is ours; the new page tables are built, switched to, and the builder's pages given back.

use mmu::{BuilderTables, DirectMap, OldList, Settled as Layout, build_space, release};
use p2m::{Publication, Tree};

use super::{Setting, switched::Switched};
use crate::{
    boot::{Failure, attach_console},
    platform::Platform,
};

/// The tree answers every lookup.
#[derive(Debug)]
pub(crate) struct WithP2m {
    pub(super) setting: Setting,
    pub(super) layout: Layout,
    pub(super) builder: BuilderTables,
    pub(super) map: DirectMap,
    pub(super) tree: Tree,
    /// `None` when the P2M was left where it was.
    pub(super) publication: Option<Publication>,
}

impl WithP2m {
    /// Builds the address space, switches to it, and releases what the builder left.
    pub(crate) fn switch<P: Platform>(mut self, platform: &mut P) -> Result<Switched, Failure> {
        let list = if self.publication.is_some() { OldList::Unused } else { OldList::InUse };
        let Setting { facts, image, report, .. } = &mut self.setting;
        let map = &mut self.map;
        let root = build_space(platform, map, &self.tree, facts, &image.parts(), image.guard, list)
            .map_err(|cause| Failure::new("page tables", cause))?;
        // The ring's page leaves __ka with the builder's tables, so the console moves to __va first.
        attach_console(platform, facts, map.view().direct());
        report.end(platform, "page tables", map.taken());
        let released = release(platform, map, &self.tree, facts, &self.builder, &root, list)
            .map_err(|cause| Failure::new("release", cause))?;
        log::info!(
            "released: page tables {}, boot stack {}, old P2M {}",
            released.tables,
            released.stack,
            released.list
        );
        report.end(platform, "release", map.taken());
        let Self { setting, layout, map, tree, publication, .. } = self;
        Ok(Switched { setting, layout, map, tree, publication, root })
    }
}
