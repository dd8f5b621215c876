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

impl Mfn {
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

/// A number of 4 KiB pages, at most 2^40.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct PageCount(u64);

impl PageCount {
    /// No pages.
    pub const ZERO: Self = Self(0);

    /// Makes a constant count; more than 2^40 does not compile in const context.
    #[must_use]
    pub const fn new(pages: u64) -> Self {
        assert!(pages <= MAX_FRAMES);
        Self(pages)
    }

    /// Makes a count from a value that came from outside.
    ///
    /// # Errors
    /// [`OutOfRange`] for more than 2^40 pages.
    pub const fn try_new(pages: u64) -> Result<Self, OutOfRange> {
        if pages <= MAX_FRAMES {
            Ok(Self(pages))
        } else {
            Err(OutOfRange { value: pages, limit: MAX_FRAMES + 1 })
        }
    }

    /// Returns how many pages `bytes` take, the last one perhaps in part.
    ///
    /// # Errors
    /// [`OutOfRange`] for more than 2^52 bytes.
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

/// A run of pseudo-physical frames, `start` included, `end` not.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct PfnRange {
    start: u64,
    end: u64,
}

impl PfnRange {
    /// Makes the run of `len` frames from `start`.
    ///
    /// # Errors
    /// [`OutOfRange`] when the run would pass frame number 2^40.
    pub const fn try_new(start: Pfn, len: PageCount) -> Result<Self, OutOfRange> {
        let end = start.0 + len.0;
        if end <= MAX_FRAMES {
            Ok(Self { start: start.0, end })
        } else {
            Err(OutOfRange { value: end, limit: MAX_FRAMES + 1 })
        }
    }

    /// Returns the run from `start` to `end`, empty when `end` is not above `start`.
    #[must_use]
    pub const fn between(start: Pfn, end: Pfn) -> Self {
        Self { start: start.0, end: if end.0 > start.0 { end.0 } else { start.0 } }
    }

    /// Returns the run from `start` to `end`, both cut off at the last frame number, which has no successor and is left out.
    #[must_use]
    pub const fn clamped(start: u64, end: u64) -> Self {
        const LAST: u64 = MAX_FRAMES - 1;
        let (start, end) = (if start < LAST { start } else { LAST }, if end < LAST { end } else { LAST });
        Self::between(Pfn(start), Pfn(end))
    }

    /// Returns the first `len` frames of the guest, frame 0 onward.
    #[must_use]
    pub const fn first(len: PageCount) -> Self {
        Self { start: 0, end: len.0 }
    }

    /// Returns the first frame number; of an empty run, where it would start.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Returns the first frame number behind the run.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Returns how many frames the run has.
    #[must_use]
    pub const fn len(self) -> PageCount {
        PageCount(self.end - self.start)
    }

    /// Tells whether the run has no frames.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Tells whether `pfn` is in the run.
    #[must_use]
    pub const fn contains(self, pfn: Pfn) -> bool {
        self.start <= pfn.0 && pfn.0 < self.end
    }

    /// Returns the frames that both runs have.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        let start = if self.start > other.start { self.start } else { other.start };
        let end = if self.end < other.end { self.end } else { other.end };
        Self { start, end: if end > start { end } else { start } }
    }

    /// Tells whether the runs have a frame in common.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        !self.intersection(other).is_empty()
    }

    /// Returns the frames of the run in ascending order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Pfn> + ExactSizeIterator + use<> {
        let len = usize::try_from(self.end - self.start).unwrap_or(usize::MAX);
        let start = self.start;
        (0..len).map(move |offset| Pfn(start + offset as u64))
    }
}

impl fmt::Debug for PfnRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pfn {:#x}..{:#x}", self.start, self.end)
    }
}

impl fmt::Display for PfnRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}..{:#x}", self.start, self.end)
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
        assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 1), PageCount::new(1)).is_ok());
        assert!(PfnRange::try_new(Pfn::new(MAX_FRAMES - 1), PageCount::new(2)).is_err());
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
