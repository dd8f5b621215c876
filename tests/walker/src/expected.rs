//! What the caller knows about the guest's address space.
//!
//! *What this is*: where the regions lie, with the values of a guest with `kaslr=off` as defaults. Where the image is
//! and where the modules end differ from boot to boot and must be given; so must the other regions of a guest that
//! chose their places. The guest says them all in its facts `region`.

use std::ops::Range;

use start_info::PAGE_SIZE;
use x86_64::VirtAddr;

use crate::region::{SLOT, after, round_up};

/// Where the domain builder maps PFN 0: the note VIRT_BASE of our kernels.
pub(crate) const BUILDERS_MAP: VirtAddr = VirtAddr::new_truncate(0xffff_ffff_8000_0000);

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
    /// Where the linear list of a guest with a list of its own must be; anywhere if not given.
    pub linear_p2m: Option<VirtAddr>,
    /// Where device memory is mapped: frames that are not the guest's.
    pub devices: Range<VirtAddr>,
    /// Where a payload maps pages of its own once more.
    pub payload: Range<VirtAddr>,
    /// Where PFN 0 would be in the kernel mapping.
    pub kernel_map: VirtAddr,
    /// How far the image is from where the kernel was linked and the domain builder mapped it. Nothing may be mapped
    /// there any more.
    pub slide: u64,
    /// The image's pages.
    pub image: Range<VirtAddr>,
    /// Pages of the image, by their distance from `kernel_map`, that are known to have other PFNs than that: the first
    /// of these.
    pub renumbered: Vec<(Range<u64>, u64)>,
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
    /// Makes the layout of a guest of ours with its image in this range and modules that end at the given address, and
    /// all other regions at their usual places.
    #[must_use]
    pub fn new(image: Range<VirtAddr>, module_end: VirtAddr) -> Self {
        let at = VirtAddr::new_truncate;
        let page_end = |end| round_up(end, PAGE_SIZE);
        Self {
            direct_map: at(0xffff_8800_0000_0000),
            linear_p2m: None,
            devices: Self::slot(at(0xffff_ca00_0000_0000)),
            payload: Self::slot(at(0xffff_cb00_0000_0000)),
            kernel_map: BUILDERS_MAP,
            slide: 0,
            image: image.start..page_end(image.end),
            renumbered: Vec::new(),
            modules: at(0xffff_ffff_a000_0000)..page_end(module_end),
            fixmap: at(0xffff_ffff_ff00_0000)..at(0xffff_ffff_ff20_0000),
            allowed: Vec::new(),
            own_list: true,
            aliases: Aliases::Count,
        }
    }

    /// The same for an image that runs so far from where the kernel was linked.
    #[must_use]
    pub fn slid_by(self, slide: u64) -> Self {
        let kernel_map = VirtAddr::new_truncate(BUILDERS_MAP.as_u64().wrapping_add(slide));
        Self { kernel_map, slide, ..self }
    }

    /// Returns the addresses of a region for device memory or for a payload that starts at `start`.
    #[must_use]
    pub fn slot(start: VirtAddr) -> Range<VirtAddr> {
        start..after(start, SLOT)
    }

    /// Returns the PFN of the image's page `page`, counted from `kernel_map`.
    pub(crate) fn image_pfn(&self, page: u64) -> u64 {
        let run = self.renumbered.iter().find(|(pages, _)| pages.contains(&page));
        run.map_or(page, |(pages, pfn)| pfn.saturating_add(page - pages.start))
    }

    /// The addresses at which the domain builder mapped the image; none if it is still there.
    pub(crate) fn old_image(&self) -> Range<VirtAddr> {
        let old = |va: VirtAddr| VirtAddr::new_truncate(va.as_u64().wrapping_sub(self.slide));
        let start = old(self.image.start);
        if self.slide == 0 { start..start } else { start..old(self.image.end) }
    }
}
