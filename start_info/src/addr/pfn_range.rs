//! A run of pseudo-physical frames.
//!
//! *What this is*: a start and an end, both frame numbers, and ways to cut a run.
//!
//! *What must hold*: the end is not below the start. The last frame number has no successor, so it is in no run.

use core::fmt;

use crate::addr::{OutOfRange, PageCount, Pfn};

/// A run of pseudo-physical frames, `start` included, `end` not. The last frame number has no successor, so it is in no
/// run.
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

    /// Returns the first frame; for an empty run, where it would start.
    #[must_use]
    pub const fn start(self) -> Pfn {
        self.start
    }

    /// Returns the first frame after the run.
    #[must_use]
    pub const fn end(self) -> Pfn {
        self.end
    }

    /// Returns the last frame; `None` for an empty run.
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

    /// Returns the frames that are in both runs.
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

    /// Returns the frames of the run from `start` on; if there are none, the empty run at its end.
    #[must_use]
    pub const fn from(self, start: Pfn) -> Self {
        let start = if start.0 > self.start.0 { start } else { self.start };
        Self { start: if start.0 < self.end.0 { start } else { self.end }, end: self.end }
    }

    /// Returns the run in pieces that end at every multiple of `step`, so that each lies in one table, chunk or page of
    /// words.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::MAX_FRAMES;

    /// It has no successor, so a run that contained it would have no end.
    #[test]
    fn the_last_frame_number_is_in_no_run() {
        assert!(PfnRange::one(Pfn::LAST).is_empty());
        assert_eq!(Pfn::new(MAX_FRAMES - 3).plus(7), Pfn::LAST);
        assert_eq!(Pfn::LAST.plus(u64::MAX), Pfn::LAST);
        let end = PfnRange::between(Pfn::new(MAX_FRAMES - 600), Pfn::LAST);
        assert_eq!(end.pieces(512).map(|piece| piece.len().get()).collect::<std::vec::Vec<_>>(), [88, 511]);
        assert!(PfnRange::first(PageCount::clamped(u64::MAX)).iter().all(|pfn| pfn < Pfn::LAST));
    }

    #[test]
    fn the_pieces_of_a_run_are_the_run_and_none_crosses_a_border() {
        for step in [1, 3, 512] {
            for start in [0, 1, 2, 511, 512, 513, 1025] {
                for len in [0, 1, 2, 511, 512, 513, 1024, 1500] {
                    let run = PfnRange::try_new(Pfn::new(start), PageCount::new(len)).unwrap();
                    assert!(run.pieces(step).flat_map(PfnRange::iter).eq(run.iter()), "{run} by {step}");
                    for piece in run.pieces(step) {
                        let last = piece.end().get() - 1;
                        assert_eq!(piece.start().get() / step, last / step, "{run} by {step}");
                        assert!(piece.end().get() % step == 0 || piece.end() == run.end());
                    }
                    assert_eq!(run.pieces(step).count() == 0, len == 0);
                }
            }
        }
    }

    #[test]
    fn what_is_cut_off_and_what_is_left_are_the_run() {
        let run = PfnRange::between(Pfn::new(10), Pfn::new(20));
        for at in 0..30 {
            let (below, from) = (run.below(Pfn::new(at)), run.from(Pfn::new(at)));
            assert!(below.iter().chain(from.iter()).eq(run.iter()), "{at}");
            assert!(below.is_empty() || below.end() == from.start());
        }
    }

    #[test]
    fn ranges_intersect_as_sets_do() {
        let run = |start, end| PfnRange::between(Pfn::new(start), Pfn::new(end));
        for (a, b, expected) in [
            (run(0, 5), run(5, 9), 0),
            (run(0, 5), run(4, 9), 1),
            (run(0, 9), run(3, 4), 1),
            (run(3, 4), run(0, 9), 1),
            (run(7, 9), run(0, 5), 0),
        ] {
            assert_eq!(a.intersection(b).len().get(), expected, "{a} {b}");
            assert_eq!(a.overlaps(b), expected > 0);
            assert_eq!(a.iter().filter(|&pfn| b.contains(pfn)).count() as u64, expected);
        }
    }
}
