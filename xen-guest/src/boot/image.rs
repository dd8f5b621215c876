//! The parts of the kernel image.

use mmu::{Access, ImagePart, MappedImage, layout::KernelMap};
use start_info::{Pfn, PfnRange};

use crate::boot::kaslr::Kaslr;

/// Where the parts of the kernel image lie, in pages.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// Code.
    pub text: PfnRange,
    /// Constants.
    pub constant: PfnRange,
    /// Variables, with and without initial values.
    pub data: PfnRange,
    /// The page below the stack, inside `data`, that stays unmapped.
    pub guard: Pfn,
    /// The pages after the image that held its relocations: free memory, because nobody reads them again.
    pub relocations: PfnRange,
    /// Where the pages are mapped: the addresses the kernel runs at.
    pub map: KernelMap,
    /// Random words by which the places of the other regions are drawn (see [`mmu::layout::Bases`]); `None` for the usual ones.
    pub drawn: Option<[u64; 4]>,
    /// How the address was chosen.
    pub kaslr: Kaslr,
}

impl Image {
    /// Returns all pages of the image.
    #[must_use]
    #[cfg(target_os = "none")]
    pub(crate) const fn range(&self) -> PfnRange {
        join(self.text, self.data)
    }

    /// Returns the pages that are never written.
    #[must_use]
    pub(crate) const fn constant_pages(&self) -> PfnRange {
        join(self.text, self.constant)
    }

    /// Returns the parts and how each is mapped.
    #[must_use]
    pub const fn mapped(&self) -> MappedImage {
        let parts = [
            ImagePart { pages: self.text, access: Access::Execute },
            ImagePart { pages: self.constant, access: Access::Read },
            ImagePart { pages: self.data, access: Access::ReadWrite },
        ];
        MappedImage { parts, guard: self.guard, map: self.map }
    }
}

const fn join(first: PfnRange, last: PfnRange) -> PfnRange {
    PfnRange::between(first.start(), last.end())
}
