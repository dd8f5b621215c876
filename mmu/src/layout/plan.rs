//! The regions of the address space, reserved one by one and then final.
//!
//! *What this is*: the plan that regions are added to, and the final layout it becomes.
//!
//! *What must hold*: no two regions overlap and none touches Xen's hole. Nothing can be reserved after
//! [`LayoutPlan::settle`], which consumes the plan, and a [`crate::Fixmap`] needs the [`Layout`].

use arrayvec::ArrayVec;
use start_info::{PageCount, PfnRange};

use crate::{
    error::MmuError,
    layout::{
        FIXMAP, FIXMAP_PAGES, HOLE, HOLE_PAGES, INIT_P2M, MODULES, MODULES_PAGES, bases::Bases,
        kernel_map::KernelMap, region::Region,
    },
};

const MAX_REGIONS: usize = 16;

/// A layout that regions can still be added to.
#[derive(Debug)]
pub struct LayoutPlan {
    regions: ArrayVec<Region, MAX_REGIONS>,
    image: Region,
    window: Region,
    bases: Bases,
}

impl LayoutPlan {
    /// Starts a layout with the regions every kernel has: Xen's hole, the direct map of `pages` pages, both P2M
    /// regions, device memory, the payload's addresses, the kernel's pages `image` where `map` has them, the module window and
    /// the fixmap. `bases` says where those start that can move.
    ///
    /// # Errors
    /// [`MmuError::Overlap`] with both regions when two of them overlap, such as an image that reaches into the module
    /// window.
    pub fn new(pages: PageCount, image: PfnRange, map: KernelMap, bases: Bases) -> Result<Self, MmuError> {
        let image = Region::new("kernel image", map.address(image.start()), image.len());
        let window = Region::new("module window", MODULES, MODULES_PAGES);
        let leaves = pages.of_words();
        let mut plan = Self { regions: ArrayVec::new(), image, window, bases };
        for region in [
            Region::new("hypervisor hole", HOLE, HOLE_PAGES),
            Region::new("direct map", bases.direct_map(), pages),
            Region::new("builder's P2M", INIT_P2M, leaves),
            Region::new("linear P2M", bases.linear_p2m(), leaves),
            bases.io_map_region(),
            bases.payload_region(),
            image,
            window,
            Region::new("fixmap", FIXMAP, FIXMAP_PAGES),
        ] {
            plan.reserve(region)?;
        }
        Ok(plan)
    }

    /// Adds a region.
    ///
    /// # Errors
    /// [`MmuError::Overlap`] with both regions when it overlaps another, [`MmuError::TooManyRegions`] when there is no
    /// room.
    pub fn reserve(&mut self, wanted: Region) -> Result<(), MmuError> {
        if let Some(&holder) = self.regions.iter().find(|region| region.overlaps(&wanted)) {
            return Err(MmuError::Overlap { wanted, holder });
        }
        self.regions.try_push(wanted).map_err(|_| MmuError::TooManyRegions { limit: MAX_REGIONS })
    }

    /// Ends the planning.
    #[must_use]
    pub fn settle(self) -> Layout {
        let Self { regions, image, window, bases } = self;
        Layout { regions, image, window, bases }
    }
}

/// The layout, decided once.
#[derive(Debug)]
pub struct Layout {
    regions: ArrayVec<Region, MAX_REGIONS>,
    image: Region,
    window: Region,
    bases: Bases,
}

impl Layout {
    /// Returns all regions, in the order they were reserved.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Returns the kernel image's region.
    #[must_use]
    pub const fn image(&self) -> Region {
        self.image
    }

    /// Returns the module window.
    #[must_use]
    pub const fn module_window(&self) -> Region {
        self.window
    }

    /// Returns where the regions start that can move.
    #[must_use]
    pub const fn bases(&self) -> &Bases {
        &self.bases
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use start_info::Pfn;
    use x86_64::VirtAddr;

    fn image(pages: u64) -> PfnRange {
        PfnRange::try_new(Pfn::new(0x1000), PageCount::new(pages)).unwrap()
    }

    #[test]
    fn the_regions_of_every_kernel_are_apart() {
        for pages in [1, 5121, 1 << 18, 1 << 25, 1 << 28, 1 << 32] {
            let settled =
                LayoutPlan::new(PageCount::new(pages), image(0xe43), KernelMap::BUILDER, Bases::FIXED)
                    .unwrap()
                    .settle();
            assert_eq!(settled.image().start().as_u64(), 0xffff_ffff_8100_0000);
            for (i, a) in settled.regions().iter().enumerate() {
                assert!(settled.regions()[i + 1..].iter().all(|b| !a.overlaps(b)), "{a}");
            }
        }
    }

    #[test]
    fn an_image_that_reaches_the_modules_is_refused_with_both_ranges() {
        let error =
            LayoutPlan::new(PageCount::new(1 << 20), image(0x1f001), KernelMap::BUILDER, Bases::FIXED)
                .unwrap_err();
        let text = std::format!("{error}");
        assert!(text.contains("0xffffffff81000000..0xffffffffa0001000"), "{text}");
        assert!(text.contains("0xffffffffa0000000..0xffffffffff000000"), "{text}");
    }

    #[test]
    fn the_hole_can_be_in_no_region() {
        let mut plan =
            LayoutPlan::new(PageCount::new(1 << 20), image(0x100), KernelMap::BUILDER, Bases::FIXED).unwrap();
        for address in [0xffff_8000_0000_0000, 0xffff_87ff_ffff_f000] {
            let wanted = Region::new("anything", VirtAddr::new(address), PageCount::new(1));
            assert!(matches!(plan.reserve(wanted), Err(MmuError::Overlap { .. })));
        }
    }

    #[test]
    fn more_memory_than_the_direct_map_has_addresses_for_is_refused() {
        let most = PageCount::new((INIT_P2M - Bases::FIXED.direct_map()) / 4096);
        assert!(LayoutPlan::new(most, image(1), KernelMap::BUILDER, Bases::FIXED).is_ok());
        let too_many = PageCount::new(most.get() + 1);
        assert!(matches!(
            LayoutPlan::new(too_many, image(1), KernelMap::BUILDER, Bases::FIXED),
            Err(MmuError::Overlap { .. })
        ));
    }
}
