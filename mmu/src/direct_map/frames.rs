//! Taking frames from the direct map, and giving them back.
//!
//! *What this is*: takes frames from the allocator, and grows the direct map when they run out.
//!
//! *What must hold*: some frames are kept for mapping more, so that the map can still grow when every other mapped
//! frame is taken. Every frame goes through here or through a [`crate::direct_map::chunk_mapper::ChunkMapper`].

use p2m::{Frame, Mapped, Span, Translate};
use start_info::PageCount;

use crate::{
    direct_map::{DirectMap, needed::Needed},
    error::{MmuError, RunOf},
    hv::Machine,
};

impl DirectMap {
    /// Takes a frame, mapping more memory if none is left.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when all memory is used, and as [`DirectMap::grow`].
    pub fn take<M: Machine>(&mut self, machine: &mut M, p2m: &impl Translate) -> Result<Frame, MmuError> {
        while self.frames.free() <= self.reserve() && self.grow(machine, p2m)? {}
        self.take_mapped(machine, p2m)
    }

    /// Takes a run of adjacent frames, mapping more memory if needed.
    ///
    /// # Errors
    /// [`MmuError::NoRun`] when no run is long enough, and as [`DirectMap::grow`].
    pub fn take_span<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        len: PageCount,
    ) -> Result<Span<Mapped>, MmuError> {
        while self.frames.free() <= len.get() + self.reserve() && self.grow(machine, p2m)? {}
        loop {
            if let Some(span) = self.frames.take_span(machine, len) {
                return Ok(span);
            }
            if !self.grow(machine, p2m)? {
                return Err(self.no_run(machine, RunOf::Payload, len));
            }
        }
    }

    /// Takes a frame from what is mapped.
    pub(super) fn take_mapped<M: Machine>(
        &mut self,
        machine: &M,
        p2m: &impl Translate,
    ) -> Result<Frame, MmuError> {
        self.frames.take(machine, p2m).ok_or_else(|| self.extent.no_frames())
    }

    /// Says why no run is long enough. More memory may help only if fewer pages are free than are needed.
    fn no_run<M: Machine>(&self, machine: &M, object: RunOf, need: PageCount) -> MmuError {
        let longest = self.frames.longest(machine);
        if longest >= need {
            // The pages exist; the model denied them.
            return self.extent.no_frames();
        }
        MmuError::NoRun { object, need, longest, free: PageCount::clamped(self.free()) }
    }

    /// Returns how many frames are kept for mapping more. A chunk's tables come from what is mapped, so the map must
    /// grow before the last frame is gone. A chunk may yield no frame, if it holds the ramdisk or the builder's list.
    fn reserve(&self) -> u64 {
        Needed::MAX + self.boot_pages.tables_without_yield(self.extent.rest(), self.view.direct().base())
    }

    /// Takes a frame back.
    pub fn give<M: Machine>(&mut self, machine: &mut M, frame: Frame) {
        self.frames.give_frame(machine, frame);
    }

    /// Takes a run of frames back.
    pub fn give_span<M: Machine>(&mut self, machine: &mut M, span: Span<Mapped>) {
        self.frames.give(machine, span);
    }

    /// Checks that `tables` frames could be taken for tables, if all memory were mapped.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there are fewer.
    pub(crate) fn has_room_for(&self, tables: u64) -> Result<(), MmuError> {
        let most = self.frames.free() + self.extent.rest().len().get();
        if tables <= most { Ok(()) } else { Err(self.extent.no_frames()) }
    }

    /// Returns how many frames are free and mapped.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.frames.free()
    }

    /// Returns how many frames were taken so far.
    #[must_use]
    pub const fn taken(&self) -> u64 {
        self.frames.taken()
    }
}
