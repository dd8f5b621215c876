//! Where the kernel's image is mapped: `__ka`.
//!
//! *What this is*: the base of the image's addresses, as a value: what leads from a page of the image to its address, and
//! back.

use start_info::{PAGE_SIZE, Pfn};
use x86_64::VirtAddr;

use crate::layout::KERNEL_MAP;

/// `__ka`: page 0 of the guest has the address `base`, and each page of the image follows at its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelMap {
    base: VirtAddr,
}

impl KernelMap {
    /// The addresses that the domain builder maps the image at, and that it was linked for.
    pub const BUILDER: Self = Self { base: KERNEL_MAP };

    /// Returns the map that has page 0 at `base`.
    #[must_use]
    pub const fn with_base(base: VirtAddr) -> Self {
        Self { base }
    }

    /// Returns the address of page 0.
    #[must_use]
    pub const fn base(self) -> VirtAddr {
        self.base
    }

    /// Returns how far the image is from where it was linked, in bytes.
    #[must_use]
    pub fn slide(self) -> u64 {
        self.base.as_u64().wrapping_sub(KERNEL_MAP.as_u64())
    }

    /// Returns the address of a page.
    #[must_use]
    pub fn address(self, pfn: Pfn) -> VirtAddr {
        // Page numbers of the image lie within 2 GiB of the base; a larger one wraps and meets another region.
        VirtAddr::new_truncate(self.base.as_u64().wrapping_add(pfn.get().wrapping_mul(PAGE_SIZE)))
    }
}
