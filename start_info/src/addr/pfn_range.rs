//! A run of page numbers.

use core::fmt;

use crate::addr::{OutOfRange, PageCount, Pfn};

/// A run of pseudo-physical frames, `start` included, `end` not. The last frame number has no successor, so it is in no run.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PfnRange {
    start: Pfn,
    end: Pfn,
}

impl PfnRange {
    /// No frames.
    pub const EMPTY: Self = Self { start: Pfn(0), end: Pfn(0) };

    /// Makes the run of `len` frames from `start`.
    ///
    /// # Errors
    /// [`OutOfRange`] when the run would have the last frame number.
    pub const fn try_new(start: Pfn, len: PageCount) -> Result<Self, OutOfRange> {
        match Pfn::try_new(start.0 + len.0) {
            Ok(end) => Ok(Self { start, end }),
            Err(error) => Err(error),
        }
    }

    /// Returns the run from `start` to `end`, empty when `end` is not above `start`.
    #[must_use]
    pub const fn between(start: Pfn, end: Pfn) -> Self {
        Self { start, end: if end.0 > start.0 { end } else { start } }
    }

    /// Returns the run of one frame.
    #[must_use]
    pub const fn one(pfn: Pfn) -> Self {
        Self { start: pfn, end: pfn.plus(1) }
    }

    /// Returns the first `len` frames of the guest, frame 0 onward.
    #[must_use]
    pub const fn first(len: PageCount) -> Self {
        Self { start: Pfn(0), end: Pfn(len.0) }
    }

    /// Returns the first frame; of an empty run, where it would start.
    #[must_use]
    pub const fn start(self) -> Pfn {
        self.start
    }

    /// Returns the first frame behind the run.
    #[must_use]
    pub const fn end(self) -> Pfn {
        self.end
    }

    /// Returns the last frame; `None` of an empty run.
    #[must_use]
    pub const fn last(self) -> Option<Pfn> {
        if self.is_empty() { None } else { Some(Pfn(self.end.0 - 1)) }
    }

    /// Returns how many frames the run has.
    #[must_use]
    pub const fn len(self) -> PageCount {
        PageCount(self.end.0 - self.start.0)
    }

    /// Tells whether the run has no frames.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start.0 == self.end.0
    }

    /// Tells whether `pfn` is in the run.
    #[must_use]
    pub const fn contains(self, pfn: Pfn) -> bool {
        self.start.0 <= pfn.0 && pfn.0 < self.end.0
    }

    /// Returns the frames that both runs have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let start = if self.start.0 > other.start.0 { self.start } else { other.start };
        let end = if self.end.0 < other.end.0 { self.end } else { other.end };
        Self::between(start, end)
    }

    /// Tells whether the runs have a frame in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the frames of the run below `end`.
    #[must_use]
    pub const fn below(self, end: Pfn) -> Self {
        Self::between(self.start, if end.0 < self.end.0 { end } else { self.end })
    }

    /// Returns the frames of the run from `start` on; the empty run at its end where there is none.
    #[must_use]
    pub const fn from(self, start: Pfn) -> Self {
        let start = if start.0 > self.start.0 { start } else { self.start };
        Self { start: if start.0 < self.end.0 { start } else { self.end }, end: self.end }
    }

    /// Returns the run in pieces that end at every multiple of `step`, so that each lies in one table, chunk or page of words.
    pub fn pieces(self, step: u64) -> impl Iterator<Item = Self> + Clone + use<> {
        let mut rest = self;
        core::iter::from_fn(move || {
            let piece = rest.below(rest.start.next_multiple(step));
            rest = rest.from(piece.end);
            (!piece.is_empty()).then_some(piece)
        })
    }

    /// Returns the frames of the run in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Pfn> + ExactSizeIterator + use<> {
        let start = self.start.0;
        (0..self.len().0 as usize).map(move |offset| Pfn(start + offset as u64))
    }
}

impl fmt::Debug for PfnRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pfn {self}")
    }
}

impl fmt::Display for PfnRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}
