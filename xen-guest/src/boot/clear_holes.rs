//! What was in use where the machine has no RAM makes way.
//!
//! *What this is*: the last step of an arrangement. The builder's tables, stack and list were let go by the release, and
//! start_info was copied at entry; a ramdisk is copied now. Then the pages go back to Xen, and their numbers mean the
//! machine's frames.

use mmu::MmuError;
use p2m::{P2mEntry, Renumbering};
use start_info::PfnRange;

use crate::{boot::running::Running, platform::Platform};

impl Running {
    /// Moves the ramdisk away if it lies where the machine has no RAM, and gives all memory there back.
    ///
    /// # Errors
    /// [`Error::NoRun`] when there is no room for the ramdisk, [`Error::Refused`] when Xen refuses.
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
