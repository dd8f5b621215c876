//! What was in use where the machine has no RAM makes way.
//!
//! *What this is*: the last step of an arrangement. The builder's tables, stack and list were let go by the release, and
//! start_info was copied at entry; a ramdisk is copied now. Then the pages go back to Xen, and their numbers mean the
//! machine's frames.

use mmu::Error;
use p2m::{Arrangement, Entry};
use start_info::PfnRange;

use crate::{boot::running::Running, platform::Platform};

impl Running {
    /// Moves the ramdisk away if it lies where the machine has no RAM, and gives all memory there back.
    ///
    /// # Errors
    /// [`Error::NoRun`] when there is no room for the ramdisk, [`Error::Refused`] when Xen refuses.
    pub(crate) fn make_way<P: Platform>(
        &mut self,
        platform: &mut P,
        pages: &Arrangement,
    ) -> Result<(), Error> {
        if let Some(old) = self.ramdisk_pages()
            && pages.late().any(|range| range.overlaps(old))
        {
            self.map.move_ramdisk(platform, &self.p2m, pages.late())?;
            if let Some(new) = self.ramdisk_pages() {
                log::info!("ramdisk: moved from pfn {old} to pfn {new}");
            }
        }
        self.map.vacate(platform, &self.p2m, pages)?;
        for pfn in pages.late().flat_map(PfnRange::iter) {
            self.set_entry(platform, pfn, Entry::Identity)?;
        }
        Ok(())
    }
}
