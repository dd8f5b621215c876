//! Stage 6: our own page tables are live; shared_info is mapped and the P2M published.

use mmu::{DirectMap, Fixmap, ModuleWindow, Region, Settled as Layout, Slot, layout::LINEAR_P2M};
use p2m::{Publication, Tree};
use start_info::{Mfn, PageCount};

use super::{Setting, running::Running};
use crate::{
    boot::Failure,
    loaded::ModuleTable,
    platform::{Platform, Published},
};

/// The builder's tables are gone.
#[derive(Debug)]
pub struct Switched {
    pub(super) setting: Setting,
    pub(super) layout: Layout,
    pub(super) map: DirectMap,
    pub(super) tree: Tree,
    pub(super) publication: Option<Publication>,
    pub(super) root: Mfn,
}

impl Switched {
    /// Maps shared_info, tells the toolstack where the P2M is, and opens the module window.
    ///
    /// # Errors
    /// [`Failure`] when Xen refuses to map shared_info.
    pub fn arm<P: Platform>(mut self, platform: &mut P) -> Result<Running, Failure> {
        let facts = &self.setting.facts;
        let page = Fixmap::new(&self.layout)
            .map(platform, Slot::SharedInfo, facts.shared_info())
            .map_err(|cause| Failure::new("shared_info", cause))?;
        platform.attach_shared_info(page);
        let list = facts.p2m_list();
        platform.publish(&Published {
            max_pfn: facts.nr_pages().get(),
            frame_list_list: self.publication.as_ref().map_or(u64::MAX, Publication::frame_list_list),
            p2m_cr3: self.root.maddr().get(),
            p2m_vaddr: if self.publication.is_some() { LINEAR_P2M } else { list.at },
        });
        let occupied = match self.publication {
            Some(_) => None,
            None => {
                let pages = PageCount::of_bytes(facts.nr_pages().get() * 8).unwrap_or_default();
                Some(Region::new("P2M list", list.at, pages))
            }
        };
        let window = ModuleWindow::new(&self.layout, occupied);
        self.setting.report.end(platform, "shared_info", self.map.taken());
        let Self { setting, layout, map, tree, publication, .. } = self;
        Ok(Running { setting, layout, map, p2m: tree, publication, window, modules: ModuleTable::new() })
    }
}
