//! The last stage: a kernel can run.

use mmu::{DirectMap, IoMap, ModuleWindow, Settled as Layout};
use p2m::{Audit, Frame, FrameSource, Mapped, Mismatch, Publication, Set, Span, Translate, Tree};
use start_info::{PageCount, Pfn, PfnRange};

use super::{Setting, numbers::Numbers};
use crate::{loaded::ModuleTable, platform::Platform};

/// A booted guest: all a payload needs.
#[derive(Debug)]
pub struct Running {
    /// start_info, the image, the options and the report.
    pub setting: Setting,
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
    /// The module window.
    pub window: ModuleWindow,
    /// The modules in it.
    pub modules: ModuleTable,
}

impl Running {
    /// Takes a frame; its contents are undefined.
    ///
    /// # Errors
    /// [`mmu::Error::NoFrames`] when there is none.
    pub fn take_frame<P: Platform>(&mut self, platform: &mut P) -> Result<Frame, mmu::Error> {
        self.map.take(platform, &self.p2m)
    }

    /// Gives a frame back.
    pub fn give_frame<P: Platform>(&mut self, platform: &mut P, frame: Frame) {
        self.map.give(platform, frame);
    }

    /// Takes a run of adjacent frames, for a heap.
    ///
    /// # Errors
    /// [`mmu::Error::NoRun`] when no run is as long.
    pub fn take_span<P: Platform>(
        &mut self,
        platform: &mut P,
        len: PageCount,
    ) -> Result<Span<Mapped>, mmu::Error> {
        self.map.take_span(platform, &self.p2m, len)
    }

    /// Compares every P2M entry with Xen's M2P.
    ///
    /// # Errors
    /// [`Mismatch`] for the first page on which they disagree.
    pub fn audit<P: Platform>(&self, platform: &P) -> Result<Audit, Mismatch> {
        p2m::audit(&self.p2m, platform, self.p2m.pages())
    }

    /// Returns the bytes of the ramdisk, mapping them first if the map is lazy; `None` when there is no ramdisk.
    ///
    /// # Errors
    /// As [`DirectMap::grow`].
    pub fn ramdisk<P: Platform>(&mut self, platform: &mut P) -> Result<Option<&'static [u8]>, mmu::Error> {
        let Some(end) = self.ramdisk_pages().map(PfnRange::end) else { return Ok(None) };
        self.map.grow_to(platform, &self.p2m, end)?;
        let window = *self.map.view().direct();
        Ok(self.map.lend_ramdisk().and_then(|ramdisk| platform.ramdisk(&window, ramdisk)))
    }

    /// Returns the pages of the ramdisk; where start_info says, unless it had to make way.
    #[must_use]
    pub fn ramdisk_pages(&self) -> Option<PfnRange> {
        self.map.ramdisk_pfns()
    }

    /// Changes what stands for `pfn`, in the P2M and in both forms the toolstack reads.
    ///
    /// # Errors
    /// [`mmu::Error::P2m`] for a page behind the last, [`mmu::Error::NoFrames`] when a leaf is needed and there is no
    /// frame, [`mmu::Error::Refused`] when Xen refuses to map the leaf. Nothing is changed then.
    pub fn set_entry<P: Platform>(
        &mut self,
        platform: &mut P,
        pfn: Pfn,
        entry: p2m::Entry,
    ) -> Result<(), mmu::Error> {
        // While the tree changes, the direct map may have to grow, and grows by entries the change does not touch.
        let mut frames = [Some(self.map.take(platform, &self.p2m)?), None];
        match self.map.take(platform, &self.p2m) {
            Ok(frame) => frames[1] = Some(frame),
            // An entry that needs no leaf needs no frame either.
            Err(mmu::Error::NoFrames { .. }) => {}
            Err(error) => {
                frames.into_iter().flatten().for_each(|frame| self.map.give(platform, frame));
                return Err(error);
            }
        }
        let mut source = Spare(&mut frames);
        let set = self.p2m.set(platform, &mut source, pfn, entry);
        for frame in frames.into_iter().rev().flatten() {
            self.map.give(platform, frame);
        }
        if let Set::New(leaf) = set?
            && let Some(publication) = &mut self.publication
        {
            // What can be refused comes first.
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

    /// Returns what stands for `pfn` in the P2M, and behind its end by the memory map.
    pub fn entry<P: Platform>(&self, platform: &P, pfn: Pfn) -> p2m::Entry {
        Numbers::of(&self.p2m, &self.setting).entry(platform, pfn)
    }
}

/// Frames set aside for a change of the tree: at most a leaf and an inner page for it.
struct Spare<'f>(&'f mut [Option<Frame>; 2]);

impl<M> FrameSource<M> for Spare<'_> {
    type Error = mmu::Error;

    fn take(&mut self, _machine: &mut M) -> Result<Frame, mmu::Error> {
        self.0.iter_mut().find_map(Option::take).ok_or(mmu::Error::P2m(p2m::Error::NoFrames))
    }
}
