//! Pages that a payload owns, in the form it has them in.
//!
//! *What must hold*: nothing is copied: what is mapped was given away, and the same comes back.

use alloc::vec::Vec;

use p2m::{Frame, Mapped, Span};
use start_info::PageCount;

use crate::error::{MmuError, Operation};

mod sealed {
    /// Nobody outside this file can name it, so nobody can add a form.
    pub trait KnownForm {}
    impl KnownForm for p2m::Frame {}
    impl KnownForm for p2m::Span<p2m::Mapped> {}
    impl KnownForm for alloc::vec::Vec<p2m::Frame> {}
}

/// Pages that can be mapped: a frame, frames, or a run of them. They come back in the same form.
pub trait OwnedPages: sealed::KnownForm + Sized {
    /// Returns how many there are.
    fn count(&self) -> PageCount;

    /// Returns the frames; `split` cuts the first one off a run.
    ///
    /// # Errors
    /// Gives the pages back with [`MmuError::HeapFull`] when the heap has no room for a list of them, and with
    /// [`MmuError::NoMemory`] for a page without memory.
    fn into_frames(
        self,
        split: impl FnMut(&mut Span<Mapped>) -> Option<Frame>,
    ) -> Result<Vec<Frame>, (Self, MmuError)>;

    /// Puts the frames together again.
    ///
    /// # Errors
    /// Gives the frames back when they are not what was taken apart.
    fn of_frames(frames: Vec<Frame>) -> Result<Self, Vec<Frame>>;
}

impl OwnedPages for Vec<Frame> {
    fn count(&self) -> PageCount {
        PageCount::clamped(self.len() as u64)
    }

    fn into_frames(
        self,
        _split: impl FnMut(&mut Span<Mapped>) -> Option<Frame>,
    ) -> Result<Self, (Self, MmuError)> {
        Ok(self)
    }

    fn of_frames(frames: Self) -> Result<Self, Self> {
        Ok(frames)
    }
}

impl OwnedPages for Frame {
    fn count(&self) -> PageCount {
        PageCount::new(1)
    }

    fn into_frames(
        self,
        _split: impl FnMut(&mut Span<Mapped>) -> Option<Frame>,
    ) -> Result<Vec<Frame>, (Self, MmuError)> {
        let mut frames = Vec::new();
        match frames.try_reserve_exact(1) {
            Ok(()) => {
                frames.push(self);
                Ok(frames)
            }
            Err(_) => Err((self, MmuError::HeapFull { doing: Operation::MapPayload })),
        }
    }

    fn of_frames(mut frames: Vec<Frame>) -> Result<Self, Vec<Frame>> {
        match frames.pop() {
            Some(frame) if frames.is_empty() => Ok(frame),
            last => {
                frames.extend(last);
                Err(frames)
            }
        }
    }
}

impl OwnedPages for Span<Mapped> {
    fn count(&self) -> PageCount {
        self.len()
    }

    fn into_frames(
        mut self,
        mut split: impl FnMut(&mut Self) -> Option<Frame>,
    ) -> Result<Vec<Frame>, (Self, MmuError)> {
        let mut frames = Vec::new();
        if frames.try_reserve_exact(self.len().get() as usize).is_err() {
            return Err((self, MmuError::HeapFull { doing: Operation::MapPayload }));
        }
        while !self.is_empty() {
            let pfn = self.range().start();
            match split(&mut self) {
                Some(frame) => frames.push(frame),
                // No run that the guest gives out has such a page. The pages before it are given up.
                None => return Err((self, MmuError::NoMemory { pfn })),
            }
        }
        Ok(frames)
    }

    fn of_frames(frames: Vec<Frame>) -> Result<Self, Vec<Frame>> {
        if !frames.windows(2).all(|two| matches!(two, [a, b] if a.pfn().plus(1) == b.pfn())) {
            return Err(frames);
        }
        let mut frames = frames.into_iter();
        let Some(first) = frames.next() else { return Err(Vec::new()) };
        let mut span = Self::of(first);
        for frame in frames {
            // Each follows the one before, as just checked.
            let _joined = span.join(frame);
        }
        Ok(span)
    }
}
