//! The numbers a PV guest must never mix.
//!
//! *What this is*: a pseudo-physical frame number, a machine frame number, a machine byte address and a count of pages,
//! each a type of its own. Virtual addresses are `x86_64::VirtAddr`.
//!
//! *What must hold*: frame numbers stay below 2^40, the 40 bits a page-table entry has for them (bits 12..51).
//!
//! *What is not prevented*: a wrong number of the right kind. Conversions that need data belong to the data's owner:
//! PFN to MFN is a question to the P2M, not a method here.

use core::fmt;

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// Eight-byte entries in a page: of a page table, of a P2M leaf.
pub const ENTRIES: u64 = 512;

/// One more than the largest frame number a page-table entry can hold.
pub const MAX_FRAMES: u64 = 1 << 40;

/// A number that does not fit its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{value:#x} is not below {limit:#x}")]
pub struct OutOfRange {
    /// The number that was given.
    pub value: u64,
    /// The first number that is too large.
    pub limit: u64,
}

macro_rules! frame_number {
    ($(#[$doc:meta])* $name:ident, $tag:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(u64);

        impl $name {
            /// Makes a constant frame number; a number of 2^40 or more does not compile in const context.
            #[must_use]
            pub const fn new(number: u64) -> Self {
                assert!(number < MAX_FRAMES);
                Self(number)
            }

            /// Makes a frame number from a value that came from outside.
            ///
            /// # Errors
            /// [`OutOfRange`] for a number of 2^40 or more.
            pub const fn try_new(number: u64) -> Result<Self, OutOfRange> {
                if number < MAX_FRAMES { Ok(Self(number)) } else { Err(OutOfRange { value: number, limit: MAX_FRAMES }) }
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($tag, " {:#x}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }
    };
}

frame_number! {
    /// A pseudo-physical frame number: the guest's own contiguous numbering of its pages.
    Pfn, "pfn"
}
frame_number! {
    /// A machine frame number: what page-table entries hold.
    Mfn, "mfn"
}

impl Pfn {
    /// The last frame number.
    pub const LAST: Self = Self(MAX_FRAMES - 1);

    /// Returns the frame of that number, or the last there is.
    #[must_use]
    pub const fn clamped(number: u64) -> Self {
        if number < Self::LAST.0 { Self(number) } else { Self::LAST }
    }

    /// Returns the frame so many behind this one, or the last.
    #[must_use]
    pub const fn plus(self, pages: u64) -> Self {
        Self::clamped(self.0.saturating_add(pages))
    }

    /// Returns how many frames there are below this one.
    #[must_use]
    pub const fn count_below(self) -> PageCount {
        PageCount(self.0)
    }

    /// Returns the highest multiple of `step` frames that is not above this one.
    #[must_use]
    pub const fn align_down(self, step: u64) -> Self {
        Self(self.0 - self.0 % step)
    }

    /// Returns the lowest multiple of `step` frames that is above this one, or the last frame.
    #[must_use]
    pub const fn next_multiple(self, step: u64) -> Self {
        self.align_down(step).plus(step)
    }
}

impl Mfn {
    /// Returns the `len` frames from this one on, in ascending order.
    ///
    /// # Errors
    /// [`OutOfRange`] when the last of them would be 2^40 or more.
    pub fn run(self, len: PageCount) -> Result<impl Iterator<Item = Self> + Clone + use<>, OutOfRange> {
        Self::try_new(self.0 + len.0.saturating_sub(1))?;
        Ok((self.0..self.0 + len.0).map(Self))
    }

    /// Returns the machine byte address of the frame's first byte.
    #[must_use]
    pub const fn maddr(self) -> Maddr {
        Maddr(self.0 * PAGE_SIZE)
    }
}

/// A machine byte address, as in `start_info.shared_info` and `mmu_update.ptr`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Maddr(u64);

impl Maddr {
    /// Makes a machine address from a value that came from outside.
    ///
    /// # Errors
    /// [`OutOfRange`] for an address of 2^52 or more.
    pub const fn try_new(address: u64) -> Result<Self, OutOfRange> {
        const LIMIT: u64 = MAX_FRAMES * PAGE_SIZE;
        if address < LIMIT { Ok(Self(address)) } else { Err(OutOfRange { value: address, limit: LIMIT }) }
    }

    /// Returns the address.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the frame the address lies in.
    #[must_use]
    pub const fn mfn(self) -> Mfn {
        Mfn(self.0 / PAGE_SIZE)
    }

    /// Returns the address of the 8-byte entry `index` of the page this address lies in.
    #[must_use]
    pub const fn entry(self, index: Index) -> Self {
        Self(self.0 - self.0 % PAGE_SIZE + index.0 as u64 * 8)
    }
}

impl fmt::Debug for Maddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "maddr {:#x}", self.0)
    }
}

impl fmt::Display for Maddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A number of 4 KiB pages, below 2^40: what a run of frames can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct PageCount(u64);

impl PageCount {
    /// No pages.
    pub const ZERO: Self = Self(0);

    /// Makes a constant count; 2^40 or more does not compile in const context.
    #[must_use]
    pub const fn new(pages: u64) -> Self {
        assert!(pages < MAX_FRAMES);
        Self(pages)
    }

    /// Makes a count from a value that came from outside.
    ///
    /// # Errors
    /// [`OutOfRange`] for 2^40 pages or more.
    pub const fn try_new(pages: u64) -> Result<Self, OutOfRange> {
        if pages < MAX_FRAMES { Ok(Self(pages)) } else { Err(OutOfRange { value: pages, limit: MAX_FRAMES }) }
    }

    /// Returns `pages`, or the largest count there is.
    #[must_use]
    pub const fn clamped(pages: u64) -> Self {
        Self(if pages < MAX_FRAMES { pages } else { MAX_FRAMES - 1 })
    }

    /// Returns how many pages `bytes` take, the last one perhaps in part.
    ///
    /// # Errors
    /// [`OutOfRange`] for 2^52 bytes or more.
    pub const fn of_bytes(bytes: u64) -> Result<Self, OutOfRange> {
        Self::try_new(bytes.div_ceil(PAGE_SIZE))
    }

    /// Returns the number of pages.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number of bytes in that many pages.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0 * PAGE_SIZE
    }

    /// Returns how many pages a list takes that has a word of 8 bytes for each of so many pages.
    #[must_use]
    pub const fn of_words(self) -> Self {
        Self(self.0.div_ceil(ENTRIES))
    }

    /// Returns how many pages there are without `fewer`, 0 at least.
    #[must_use]
    pub const fn less(self, fewer: Self) -> Self {
        Self(self.0.saturating_sub(fewer.0))
    }

    /// Returns how many pages there are with `more`, or the largest count there is.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self::clamped(self.0 + more.0)
    }
}

impl fmt::Debug for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pages", self.0)
    }
}

impl fmt::Display for PageCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

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

/// The number of an 8-byte entry in a page, below 512.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Index(u16);

impl Index {
    /// The first entry.
    pub const FIRST: Self = Self(0);

    /// Makes a constant index; 512 or more does not compile in const context.
    #[must_use]
    pub const fn new(index: u16) -> Self {
        assert!((index as u64) < ENTRIES);
        Self(index)
    }

    /// Returns the index that the low nine bits of `number` name.
    #[must_use]
    pub const fn containing(number: u64) -> Self {
        Self((number % ENTRIES) as u16)
    }

    /// Returns the index.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Returns the byte offset of the entry in its page.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.0 as u64 * 8
    }

    /// Returns all 512 indices in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..ENTRIES as u16).map(Self)
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_numbers_stop_at_forty_bits() {
        assert_eq!(Pfn::try_new(MAX_FRAMES - 1).unwrap().get(), MAX_FRAMES - 1);
        assert_eq!(Pfn::try_new(MAX_FRAMES), Err(OutOfRange { value: MAX_FRAMES, limit: MAX_FRAMES }));
        assert_eq!(Pfn::LAST.get(), MAX_FRAMES - 1);
        assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 2), PageCount::new(1)).is_ok());
        assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 2), PageCount::new(2)).is_err());
        assert!(PageCount::try_new(MAX_FRAMES).is_err());
        assert_eq!(PageCount::clamped(u64::MAX).get(), MAX_FRAMES - 1);
    }

    /// It has no successor, so it could not be the last of a run whose end is a frame.
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

    #[test]
    fn an_entry_address_stays_in_its_page() {
        let page = Mfn::new(7).maddr();
        assert_eq!(page.entry(Index::new(511)).get(), 7 * 4096 + 511 * 8);
        assert_eq!(page.entry(Index::new(511)).entry(Index::FIRST), page);
    }

    // In the place of a proof by Kani: all 512 entries, from every byte of a page.
    #[test]
    fn every_entry_has_its_address_whichever_byte_of_the_page_it_is_asked_from() {
        for frame in [0, 1, 511, 512, MAX_FRAMES - 1] {
            let page = Mfn::new(frame).maddr();
            for (number, index) in (0..512).zip(Index::all()) {
                assert_eq!((u64::from(index.get()), index.offset()), (number, number * 8));
                assert_eq!(page.entry(index).get(), frame * 4096 + number * 8);
                assert_eq!(page.entry(index).mfn().get(), frame);
                for byte in 0..4096 {
                    let inside = Maddr::try_new(page.get() + byte).unwrap();
                    assert_eq!(inside.entry(index), page.entry(index));
                }
            }
        }
    }

    #[test]
    fn an_index_is_the_low_nine_bits_of_a_number() {
        for high in (0..=55).map(|shift| 1 << shift).chain([0, (1 << 55) - 1, (1 << 55) - 2]) {
            for number in 0..512_u64 {
                assert_eq!(u64::from(Index::containing((high << 9) | number).get()), number);
            }
        }
    }

    #[test]
    fn the_last_machine_address_is_in_the_last_frame() {
        let last = Maddr::try_new(MAX_FRAMES * PAGE_SIZE - 1).unwrap();
        assert_eq!(last.mfn(), Mfn::new(MAX_FRAMES - 1));
        assert!(Maddr::try_new(MAX_FRAMES * PAGE_SIZE).is_err());
        for shift in 0..40 {
            for number in
                [(1 << shift) - 1, 1 << shift, (1 << shift) + 1].into_iter().filter(|&n| n < MAX_FRAMES)
            {
                assert_eq!(Mfn::new(number).maddr().mfn().get(), number);
            }
        }
    }
}
