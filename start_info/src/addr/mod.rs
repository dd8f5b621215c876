//! The numbers a PV guest must never mix.
//!
//! *What this is*: a pseudo-physical frame number, a machine frame number, a machine byte address and a count of pages,
//! each a type of its own. Virtual addresses are `x86_64::VirtAddr`.
//!
//! *What must hold*: frame numbers stay below 2^40, the 40 bits a page-table entry has for them (bits 12..51).
//!
//! *What is not prevented*: a wrong number of the right kind. Conversions that need data belong to the owner of the
//! data: the P2M translates a PFN to an MFN, not a method here.

mod index;
mod pfn_range;
#[cfg(test)]
mod tests;

use core::fmt;

pub use index::Index;
pub use pfn_range::PfnRange;

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;

/// Eight-byte entries in a page: of a page table, of a P2M leaf.
pub const ENTRIES: u64 = 512;

/// One more than the largest frame number a page-table entry can hold.
pub const MAX_FRAMES: u64 = 1 << 40;

/// A number that is too large for its type.
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

            /// Makes a frame number from an untrusted value.
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

    /// Returns the frame with that number, or the last frame.
    #[must_use]
    pub const fn clamped(number: u64) -> Self {
        if number < Self::LAST.0 { Self(number) } else { Self::LAST }
    }

    /// Returns the frame that many after this one, or the last frame.
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
    /// Makes a machine address from an untrusted value.
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
        Self(self.0 - self.0 % PAGE_SIZE + index.offset())
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

/// A number of 4 KiB pages, below 2^40, as a run of frames can have.
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

    /// Makes a count from an untrusted value.
    ///
    /// # Errors
    /// [`OutOfRange`] for 2^40 pages or more.
    pub const fn try_new(pages: u64) -> Result<Self, OutOfRange> {
        if pages < MAX_FRAMES { Ok(Self(pages)) } else { Err(OutOfRange { value: pages, limit: MAX_FRAMES }) }
    }

    /// Returns `pages`, or the largest count.
    #[must_use]
    pub const fn clamped(pages: u64) -> Self {
        Self(if pages < MAX_FRAMES { pages } else { MAX_FRAMES - 1 })
    }

    /// Returns how many pages `bytes` take; the last may be used in part.
    ///
    /// # Errors
    /// [`OutOfRange`] for 2^52 bytes or more.
    pub const fn from_bytes(bytes: u64) -> Result<Self, OutOfRange> {
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

    /// Returns how many pages a list takes that has one 8-byte word for each of these pages.
    #[must_use]
    pub const fn of_words(self) -> Self {
        Self(self.0.div_ceil(ENTRIES))
    }

    /// Returns this count minus `fewer`, at least 0.
    #[must_use]
    pub const fn less(self, fewer: Self) -> Self {
        Self(self.0.saturating_sub(fewer.0))
    }

    /// Returns this count plus `more`, or the largest count.
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
