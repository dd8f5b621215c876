//! What the boot made: everything a running kernel owns.

use mmu::{DirectMap, IoMap, Layout, PayloadMap, Window};
use p2m::{Frame, FrameSource, Publication, Set, Translate, Tree};
use start_info::{Pfn, PfnRange};

#[cfg(feature = "modules")]
use crate::module::table::ModuleTable;
#[cfg(feature = "xenstore")]
use crate::xenstore::store::StoreState;
use crate::{
    boot::{context::BootContext, p2m_or_identity::P2mOrIdentity, rings::DomainRings},
    event::port::EventPort,
    platform::Platform,
};

/// A booted guest without its platform. A payload asks [`crate::Guest`], which owns both.
#[derive(Debug)]
pub struct Running {
    /// start_info, the image, the options and the report.
    pub context: BootContext,
    /// The regions of the address space.
    pub layout: Layout,
    /// Memory at `__va` and the free frames in it.
    pub map: DirectMap,
    /// The P2M.
    pub p2m: Tree,
    /// The three-level list the toolstack reads; `None` when the P2M was left where it was.
    pub publication: Option<Publication>,
    /// The addresses for device memory.
    pub io: IoMap,
    /// The payload's own pages that are mapped once more.
    pub payload: PayloadMap,
    /// The module window.
    pub window: Window,
    /// The pages shared with the console's daemon and with xenstored.
    pub(crate) rings: DomainRings,
    /// What is known of the connection to xenstored.
    #[cfg(feature = "xenstore")]
    pub(crate) store: StoreState,
    /// The port of the timer, once somebody waited until a time.
    pub timer: Option<EventPort>,
    /// The modules in the window.
    #[cfg(feature = "modules")]
    pub modules: ModuleTable,
}

impl Running {
    /// Returns where the ramdisk is now, if there is one: where start_info says, unless it had to make way.
    #[must_use]
    pub(crate) fn ramdisk_pages(&self) -> Option<PfnRange> {
        self.map.ramdisk_pfns()
    }

    /// Changes what stands for `pfn`, in the P2M and in both forms the toolstack reads.
    ///
    /// # Errors
    /// [`mmu::MmuError::P2m`] for a page beyond the last, [`mmu::MmuError::NoFrames`] when a leaf is needed and no
    /// frame is free, [`mmu::MmuError::Refused`] when Xen refuses to map the leaf. Then nothing is changed.
    pub(crate) fn set_entry<P: Platform>(
        &mut self,
        platform: &mut P,
        pfn: Pfn,
        entry: p2m::P2mEntry,
    ) -> Result<(), mmu::MmuError> {
        // An entry in a leaf of its own is changed without a frame.
        let set = match self.p2m.set(platform, &mut Spare(&mut [None, None]), pfn, entry) {
            Err(mmu::MmuError::P2m(p2m::P2mError::NoFrames)) => self.set_with_frames(platform, pfn, entry)?,
            set => set?,
        };
        if let Set::New(leaf) = set
            && let Some(publication) = &mut self.publication
        {
            // The step that Xen can refuse comes first.
            let window = self.map.view().direct();
            let published = mmu::map_leaf(platform, &self.map, &self.p2m, &leaf)
                .and_then(|()| Ok(publication.replace(&self.p2m, platform, window, &leaf)?));
            if let Err(error) = published {
                let frame = self.p2m.undo(platform, self.map.view().direct(), leaf);
                frame.into_iter().for_each(|frame| self.map.give(platform, frame));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Changes an entry that needs a new leaf, and perhaps a new page above it.
    fn set_with_frames<P: Platform>(
        &mut self,
        platform: &mut P,
        pfn: Pfn,
        entry: p2m::P2mEntry,
    ) -> Result<Set, mmu::MmuError> {
        // While the tree changes, the direct map may have to grow. It reads only entries that the change does not
        // touch.
        let mut frames = [Some(self.map.take(platform, &self.p2m)?), None];
        match self.map.take(platform, &self.p2m) {
            Ok(frame) => frames[1] = Some(frame),
            // One frame is enough if the page above exists.
            Err(mmu::MmuError::NoFrames { .. }) => {}
            Err(error) => {
                frames.into_iter().flatten().for_each(|frame| self.map.give(platform, frame));
                return Err(error);
            }
        }
        let set = self.p2m.set(platform, &mut Spare(&mut frames), pfn, entry);
        for frame in frames.into_iter().rev().flatten() {
            self.map.give(platform, frame);
        }
        set
    }

    /// Returns what stands for `pfn` in the P2M, and beyond its end by the memory map.
    pub fn entry<P: Platform>(&self, platform: &P, pfn: Pfn) -> p2m::P2mEntry {
        P2mOrIdentity::of(&self.p2m, &self.context).entry(platform, pfn)
    }
}

/// Frames set aside for a change of the tree: at most a leaf and an inner page for it.
struct Spare<'f>(&'f mut [Option<Frame>; 2]);

impl<M> FrameSource<M> for Spare<'_> {
    type Error = mmu::MmuError;

    fn take(&mut self, _machine: &mut M) -> Result<Frame, mmu::MmuError> {
        self.0.iter_mut().find_map(Option::take).ok_or(mmu::MmuError::P2m(p2m::P2mError::NoFrames))
    }
}
