//! Stage 5: memory is mapped; the P2M tree is built over the list, copied and revectored.

use mmu::{DirectMap, GrowingFrames, Layout};
use p2m::{Publication, Renumbering, Tree};

use crate::{
    boot::{context::BootContext, failure::Failure, options::Revector, stage::Stage, with_p2m::WithP2m},
    platform::Platform,
};

/// Memory can be used at `__va`.
#[derive(Debug)]
pub(crate) struct Mapped {
    pub(super) context: BootContext,
    pub(super) pages: Renumbering,
    pub(super) layout: Layout,
    pub(super) map: DirectMap,
}

impl Mapped {
    /// Builds the tree and, unless `revector=off`, copies its leaves into pages of our own.
    ///
    /// # Errors
    /// [`Failure`] when there is no memory for the tree or its leaves, or when Xen refuses to map more memory.
    pub(crate) fn build_p2m<P: Platform>(mut self, platform: &mut P) -> Result<WithP2m, Failure> {
        let failure = |cause: mmu::MmuError| Failure::new(Stage::P2m, cause);
        let mut frames = GrowingFrames { map: &mut self.map, p2m: &self.pages };
        let mut tree = Tree::over(&self.pages, platform, &mut frames).map_err(failure)?;
        let mut publication = None;
        if self.context.options.revector == Revector::On {
            let done = tree.revector(platform, &mut frames).map_err(failure)?;
            let window = *frames.map.view().direct();
            tree.confirm_leaves(platform, &window).map_err(|error| failure(error.into()))?;
            publication = Some(Publication::build(&tree, platform, &mut frames, &window).map_err(failure)?);
            log::info!("P2M: {} leaves copied to __va, {} shared as missing", done.copied, done.missing);
        } else {
            log::info!("P2M: left at {:#x} as the builder put it", self.context.facts.p2m_list().at.as_u64());
        }
        self.context.report.end(platform, Stage::P2m, self.map.taken());
        let Self { context: setting, pages, layout, map } = self;
        Ok(WithP2m { context: setting, pages, layout, map, tree, publication })
    }
}
