//! Whole pages cleared and copied by Xen.
//!
//! *What this is*: `MMUEXT_CLEAR_PAGE` and `MMUEXT_COPY_PAGE` (mm.c, `do_mmuext_op`).
//!
//! *What must hold*: the target must be a page of the guest's that may be written; the source may be any page of the
//! guest's, a table too.

use mmu::Errno;
use start_info::Mfn;

use crate::frames::PageType;
use crate::machine::ModelMachine;

impl ModelMachine {
    /// Fills a page with zeros.
    pub(crate) fn clear_page(&mut self, mfn: Mfn) -> Result<(), Errno> {
        let page = self.get_used(mfn, PageType::Writable)?;
        self.contents.fill(page, 0);
        self.put_used(page);
        Ok(())
    }

    /// Copies a page. The source is checked first.
    pub(crate) fn copy_whole_page(&mut self, target: Mfn, source: Mfn) -> Result<(), Errno> {
        let source = self.own_frame(source).ok_or(Errno::EINVAL)?;
        let target = self.get_used(target, PageType::Writable)?;
        self.contents.copy(source, target);
        self.put_used(target);
        Ok(())
    }
}
