//! Stage 7: our own page tables are live; shared_info is mapped and the P2M published.

use mmu::{DirectMap, Fixmap, IoMap, Layout, PayloadMap, Region, Window};
use p2m::{Publication, Renumbering, Tree};
use start_info::Mfn;

#[cfg(feature = "modules")]
use crate::module::table::ModuleTable;
#[cfg(feature = "xenstore")]
use crate::xenstore::store::StoreState;
use crate::{
    boot::{
        context::BootContext,
        failure::{Cause, Failure},
        rings::DomainRings,
        running::Running,
        stage::Stage,
    },
    platform::{Platform, Published},
};

/// The builder's tables are gone.
#[derive(Debug)]
pub(crate) struct Switched {
    pub(super) context: BootContext,
    pub(super) pages: Renumbering,
    pub(super) layout: Layout,
    pub(super) map: DirectMap,
    pub(super) tree: Tree,
    pub(super) publication: Option<Publication>,
    pub(super) rings: DomainRings,
    pub(super) root: Mfn,
    /// The machine frame of the top page of the three-level list, or all ones.
    pub(super) frame_list_list: u64,
}

impl Switched {
    /// Maps shared_info, publishes where the P2M is for the toolstack, and opens the module window.
    ///
    /// # Errors
    /// [`Failure`] when Xen refuses to map shared_info, or when pages in use where the machine has no RAM cannot be
    /// moved.
    pub(crate) fn publish<P: Platform>(mut self, platform: &mut P) -> Result<Running, Failure> {
        let facts = &self.context.facts;
        let page = Fixmap::new(&self.layout)
            .map_shared_info(platform, &self.tree, facts)
            .map_err(|cause| Failure::new(Stage::SharedInfo, cause))?;
        platform.attach_shared_info(page);
        let list = facts.p2m_list();
        // The builder's list may no longer say where every page is, or be where the toolstack reads only a part of it.
        let left = self.pages.list();
        let linear = self.publication.is_some() || self.pages.is_as_built() && left.is_read_by_toolstack();
        if !linear && !facts.is_dom0() {
            log::info!(
                "p2m: the toolstack cannot read the list where it is, so none is published: no xl dump-core, no xl save"
            );
        }
        let copied_to = self.layout.bases().linear_p2m();
        platform.publish(&Published {
            max_pfn: self.tree.pages().get(),
            frame_list_list: self.frame_list_list,
            p2m_cr3: if linear { self.root.maddr().get() } else { 0 },
            p2m_vaddr: if self.publication.is_some() { copied_to } else { list.at },
        });
        let builder_list = match self.publication {
            Some(_) => None,
            None => Some(Region::new("P2M list", list.at, self.pages.list().pages().of_words())),
        };
        platform.start_events().map_err(|errno| Failure::new(Stage::SharedInfo, Cause::Events(errno)))?;
        let window = Window::new(&self.layout, builder_list);
        let io = IoMap::new(&self.layout);
        let payload = PayloadMap::new(&self.layout);
        self.context.report.end(platform, Stage::SharedInfo, self.map.taken());
        let Self { context: setting, pages, layout, map, tree, publication, rings, .. } = self;
        let mut running = Running {
            context: setting,
            layout,
            map,
            p2m: tree,
            publication,
            io,
            payload,
            window,
            rings,
            #[cfg(feature = "xenstore")]
            store: StoreState::new(),
            timer: None,
            #[cfg(feature = "modules")]
            modules: ModuleTable::new(&[]),
        };
        if pages.held_in_holes().next().is_some() {
            running.clear_holes(platform, &pages).map_err(|cause| Failure::new(Stage::MemoryMap, cause))?;
            let taken = running.map.taken();
            running.context.report.end(platform, Stage::ClearHoles, taken);
        }
        Ok(running)
    }
}
