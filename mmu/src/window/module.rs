//! What a module has in its window.

use start_info::PageCount;
use x86_64::VirtAddr;

use crate::{error::WindowOf, layout::region::Region, paging::entry::Access};

/// Pages of a module with the same protection, in ascending order.
#[derive(Debug)]
pub struct ModulePart<I> {
    /// The pages, already filled.
    pub frames: I,
    /// What the module may do with them.
    pub access: Access,
}

/// The right to the pages of one module, which the window holds and maps.
#[derive(Debug)]
#[must_use = "the module stays mapped until it is unmapped"]
pub struct MappedModule {
    pub(super) start: VirtAddr,
    pub(super) pages: PageCount,
}

impl MappedModule {
    /// Returns the addresses.
    #[must_use]
    pub fn region(&self) -> Region {
        Region::new(WindowOf::Modules.region_name(), self.start, self.pages)
    }

    /// Returns how many pages there are.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        self.pages
    }
}
