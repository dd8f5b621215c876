//! The parts of the kernel image.

use mmu::{Access, ImagePart, layout::KERNEL_MAP};
use start_info::{PAGE_SIZE, Pfn, PfnRange};
use x86_64::VirtAddr;

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

    /// Returns the parts and how each is mapped, in ascending order.
    #[must_use]
    pub(crate) const fn parts(&self) -> [ImagePart; 3] {
        [
            ImagePart { pages: self.text, access: Access::Execute },
            ImagePart { pages: self.constant, access: Access::Read },
            ImagePart { pages: self.data, access: Access::ReadWrite },
        ]
    }
}

const fn join(first: PfnRange, last: PfnRange) -> PfnRange {
    PfnRange::between(first.start(), last.end())
}

/// Returns the `__ka` address of a page of the image.
#[must_use]
pub fn image_address(pfn: Pfn) -> VirtAddr {
    VirtAddr::new_truncate(KERNEL_MAP.as_u64().wrapping_add(pfn.get().wrapping_mul(PAGE_SIZE)))
}
