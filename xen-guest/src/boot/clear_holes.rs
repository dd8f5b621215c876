//! Clears the pages that were in use where the machine has no RAM.
//!
//! *What this is*: the last step of a [`Renumbering`]. The builder's tables, stack and list were released before, and
//! start_info was copied at entry; a ramdisk is copied now. Then the pages go back to Xen, and their numbers stand for
//! the machine's frames.

use mmu::MmuError;
use p2m::{P2mEntry, Renumbering};
use start_info::PfnRange;

use crate::{boot::running::Running, platform::Platform};

impl Running {
    /// Moves the ramdisk if it lies where the machine has no RAM, and gives all memory there back to Xen.
    ///
    /// # Errors
    /// [`MmuError::NoRun`] when there is no room for the ramdisk, [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn clear_holes<P: Platform>(
        &mut self,
        platform: &mut P,
        pages: &Renumbering,
    ) -> Result<(), MmuError> {
        if let Some(old) = self.ramdisk_pages()
            && pages.held_in_holes().any(|range| range.overlaps(old))
        {
            self.map.move_ramdisk(platform, &self.p2m, pages.held_in_holes())?;
            if let Some(new) = self.ramdisk_pages() {
                log::info!("ramdisk: moved from pfn {old} to pfn {new}");
            }
        }
        self.map.return_to_xen(platform, &self.p2m, pages)?;
        for pfn in pages.held_in_holes().flat_map(PfnRange::iter) {
            self.set_entry(platform, pfn, P2mEntry::Identity)?;
        }
        Ok(())
    }
}
