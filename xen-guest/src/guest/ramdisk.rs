//! The ramdisk's bytes, read in place.

use mmu::MmuError;
use p2m::Translate as _;
use start_info::{Pfn, PfnRange};

use crate::{guest::Guest, platform::Platform};

impl<P: Platform> Guest<P> {
    /// Returns the bytes of the ramdisk, mapping them first if the map is lazy; `None` when there is no ramdisk. From
    /// then on its pages stay where they are.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] for a page of it that has no memory by the builder's list; and as
    /// [`mmu::DirectMap::grow`].
    pub fn ramdisk(&mut self) -> Result<Option<&'static [u8]>, MmuError> {
        let Some(pages) = self.ramdisk_pages() else { return Ok(None) };
        let Self { platform, parts } = self;
        parts.map.grow_to(platform, &parts.p2m, pages.end())?;
        let absent = |pfn: &Pfn| parts.p2m.entry(platform, *pfn).ram().is_none();
        if let Some(pfn) = pages.iter().find(absent) {
            return Err(MmuError::NoMemory { pfn });
        }
        let window = *parts.map.view().direct();
        Ok(parts.map.lend_ramdisk().and_then(|ramdisk| platform.ramdisk(&window, ramdisk)))
    }

    /// Returns where the ramdisk is now, if there is one: where start_info says, unless it had to make way.
    #[must_use]
    pub fn ramdisk_pages(&self) -> Option<PfnRange> {
        self.parts.ramdisk_pages()
    }
}
