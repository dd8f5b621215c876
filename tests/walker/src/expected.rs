//! What the caller knows about the guest's address space.
//!
//! *What this is*: where the regions lie, with our guests' values as defaults. The ends of image and modules differ
//! from boot to boot and must be given.

use std::ops::Range;

use start_info::PAGE_SIZE;
use x86_64::VirtAddr;

use crate::region::round_up;

/// How a writable direct-map page of executable memory counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aliases {
    /// It is counted in the summary.
    Count,
    /// It is a finding.
    Refuse,
}

/// The regions a guest's mappings may lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedTables {
    /// Where PFN 0 is in the direct map.
    pub direct_map: VirtAddr,
    /// Where a payload maps pages of its own once more.
    pub payload: Range<VirtAddr>,
    /// Where PFN 0 would be in the kernel mapping.
    pub kernel_map: VirtAddr,
    /// The image's pages.
    pub image: Range<VirtAddr>,
    /// The modules' pages, from the start of the module window.
    pub modules: Range<VirtAddr>,
    /// Addresses where frames that are not the guest's may be mapped.
    pub fixmap: Range<VirtAddr>,
    /// Further ranges where a mapping is not a finding by itself.
    pub allowed: Vec<Range<VirtAddr>>,
    /// The P2M was copied: the guest publishes it in both forms. If not, the builder's list is published where it lies,
    /// in the linear form alone, and the words after its last page are undefined.
    pub own_list: bool,
    /// How a writable alias of executable memory counts.
    pub aliases: Aliases,
}

impl ExpectedTables {
    /// Makes the layout of a guest of ours whose image and modules end at the given addresses.
    #[must_use]
    pub fn new(image_end: VirtAddr, module_end: VirtAddr) -> Self {
        let at = VirtAddr::new_truncate;
        let page_end = |end| round_up(end, PAGE_SIZE);
        Self {
            direct_map: at(0xffff_8800_0000_0000),
            payload: at(0xffff_cb00_0000_0000)..at(0xffff_cb80_0000_0000),
            kernel_map: at(0xffff_ffff_8000_0000),
            image: at(0xffff_ffff_8100_0000)..page_end(image_end),
            modules: at(0xffff_ffff_a000_0000)..page_end(module_end),
            fixmap: at(0xffff_ffff_ff00_0000)..at(0xffff_ffff_ff20_0000),
            allowed: Vec::new(),
            own_list: true,
            aliases: Aliases::Count,
        }
    }
}
