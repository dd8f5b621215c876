//! Pages of the guest's memory, for a payload's own use.

use mmu::MmuError;
use p2m::{Frame, Mapped, Span, Writable};
use start_info::{Index, PageCount, Pfn};
use x86_64::VirtAddr;

use crate::{guest::Guest, platform::Platform};

impl<P: Platform> Guest<P> {
    /// Takes a frame; its contents are undefined.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is none.
    pub fn take_frame(&mut self) -> Result<Frame, MmuError> {
        self.parts.map.take(&mut self.platform, &self.parts.p2m)
    }

    /// Gives a frame back.
    pub fn give_frame(&mut self, frame: Frame) {
        self.parts.map.give(&mut self.platform, frame);
    }

    /// Takes a run of adjacent frames.
    ///
    /// # Errors
    /// [`MmuError::NoRun`] when no run is long enough.
    pub fn take_span(&mut self, len: PageCount) -> Result<Span<Mapped>, MmuError> {
        self.parts.map.take_span(&mut self.platform, &self.parts.p2m, len)
    }

    /// Gives a run of frames back.
    pub fn give_span(&mut self, span: Span<Mapped>) {
        self.parts.map.give_span(&mut self.platform, span);
    }

    /// Cuts the first frame off a run; `None` when it is empty.
    pub fn split_frame(&mut self, span: &mut Span<Mapped>) -> Option<Frame> {
        self.parts.map.view().direct().take_first(span, &self.platform, &self.parts.p2m)
    }

    /// Reads a word of a frame.
    #[must_use]
    pub fn read<S>(&self, frame: &Frame<S>, index: Index) -> u64 {
        self.platform.load(frame.word(index))
    }

    /// Writes a word of a frame.
    pub fn write<S: Writable>(&mut self, frame: &mut Frame<S>, index: Index, value: u64) {
        frame.set(&mut self.platform, index, value);
    }

    /// Writes the same value to all words of a frame.
    pub fn fill(&mut self, frame: &mut Frame, value: u64) {
        self.platform.fill(frame, value);
    }

    /// Returns the address of a page in the direct map; `None` if that does not reach so far yet.
    #[must_use]
    pub fn direct_address(&self, pfn: Pfn) -> Option<VirtAddr> {
        self.parts.map.view().direct().address(pfn)
    }

    /// Returns how many frames are free and mapped.
    #[must_use]
    pub const fn free(&self) -> u64 {
        self.parts.map.free()
    }

    /// Returns how many page numbers are mapped at `__va`, counted from 0, including those without memory.
    #[must_use]
    pub const fn mapped(&self) -> PageCount {
        self.parts.map.mapped()
    }

    /// Maps the next GiB of memory at `__va`; `false` when all is mapped.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::grow`].
    pub fn grow(&mut self) -> Result<bool, MmuError> {
        self.parts.map.grow(&mut self.platform, &self.parts.p2m)
    }
}
