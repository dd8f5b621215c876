//! Stage 6: the P2M is ours; the new page tables are built, switched to, and the builder's pages given back.

use mmu::{DirectMap, Layout, build_space, release};
use p2m::{Publication, Renumbering, Tree};
use start_info::{Pfn, PfnRange};

use crate::{
    boot::{
        context::BootContext,
        failure::Failure,
        rings::{self, DomainRings},
        stage::Stage,
        switched::Switched,
    },
    platform::Platform,
};

/// The tree now answers every lookup.
#[derive(Debug)]
pub(crate) struct WithP2m {
    pub(super) context: BootContext,
    pub(super) pages: Renumbering,
    pub(super) layout: Layout,
    pub(super) map: DirectMap,
    pub(super) tree: Tree,
    /// `None` when the P2M was left where it was.
    pub(super) publication: Option<Publication>,
}

impl WithP2m {
    /// Builds the address space, switches to it, and releases what the builder left.
    ///
    /// # Errors
    /// [`Failure`] when there is no memory for the tables or Xen refuses a step.
    pub(crate) fn switch<P: Platform>(self, platform: &mut P) -> Result<Switched, Failure> {
        let Self { context: mut setting, pages, layout, mut map, tree, publication } = self;
        let list = setting.options.builder_p2m();
        let BootContext { facts, image, report, .. } = &mut setting;
        // The new address space has the tables that the direct map has now, so the console's page must be mapped before.
        let rings = map.lasting().pfns(facts.ring_pages());
        let end = rings.clone().map(PfnRange::end).fold(Pfn::new(0), Pfn::max);
        map.grow_to(platform, &tree, end).map_err(|cause| Failure::new(Stage::PageTables, cause))?;
        let space = build_space(platform, &mut map, &tree, facts, &image.mapped(), list)
            .map_err(|cause| Failure::new(Stage::PageTables, cause))?;
        let root_frame = space.root();
        let frame_list_list = match &publication {
            Some(list) => list
                .frame_list_list(&tree, platform)
                .map_err(|cause| Failure::new(Stage::PageTables, cause))?,
            None => u64::MAX,
        };
        // The ring's page leaves __ka with the builder's tables, so the console moves to __va first.
        rings::attach_console(platform, facts, rings.clone(), |pfn| map.shared_page(pfn))
            .map_err(|cause| Failure::new(Stage::PageTables, cause))?;
        let rings = DomainRings::find(platform, facts, rings, |pfn| map.shared_page(pfn));
        report.end(platform, Stage::PageTables, map.taken());
        let released = release(platform, &mut map, &tree, facts, space, list, pages.held_in_holes())
            .map_err(|cause| Failure::new(Stage::Release, cause))?;
        log::info!("released: {released}");
        report.end(platform, Stage::Release, map.taken());
        Ok(Switched {
            context: setting,
            pages,
            layout,
            map,
            tree,
            publication,
            rings,
            root: root_frame,
            frame_list_list,
        })
    }
}
