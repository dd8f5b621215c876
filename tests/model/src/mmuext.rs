//! Extended operations: pins, roots, flushes, and the others by their names.
//!
//! *What this is*: the commands of `do_mmuext_op` (mm.c).
//!
//! *What must hold*: a pin is a flag, not a count: it holds one reference, and a second pin is refused.

use mmu::Errno;
use start_info::Mfn;

use crate::errno::EOPNOTSUPP;
use crate::frames::PageInfo;
use crate::guest::{Domain, Release};
use crate::machine::ModelMachine;
use crate::walk::index;

impl ModelMachine {
    /// Carries out one extended operation.
    pub(crate) fn extended(&mut self, command: u32, first: u64, second: u64) -> Result<(), Errno> {
        match command {
            xen_sys::MMUEXT_PIN_L1_TABLE..=xen_sys::MMUEXT_PIN_L4_TABLE => {
                let level = (command - xen_sys::MMUEXT_PIN_L1_TABLE + 1) as u8;
                self.pin(frame_number(first)?, level)
            }
            xen_sys::MMUEXT_UNPIN_TABLE => self.unpin(frame_number(first)?),
            xen_sys::MMUEXT_NEW_BASEPTR => self.new_root(frame_number(first)?),
            xen_sys::MMUEXT_NEW_USER_BASEPTR => self.new_user_root(frame_number(first)?),
            // No list of processors can be given here, and without one Xen refuses.
            xen_sys::MMUEXT_TLB_FLUSH_MULTI | xen_sys::MMUEXT_INVLPG_MULTI => Err(Errno::EINVAL),
            xen_sys::MMUEXT_INVLPG_LOCAL | xen_sys::MMUEXT_INVLPG_ALL => {
                if let Some(Ok(table)) = self.root.map(|root| self.table_for(root, first)) {
                    self.stale.flush_entry(table, index(first, 1));
                }
                Ok(())
            }
            xen_sys::MMUEXT_TLB_FLUSH_LOCAL..=xen_sys::MMUEXT_INVLPG_ALL => {
                self.stale.flush();
                self.tlb.flush();
                Ok(())
            }
            // Only domains with device memory may flush caches (asm/iocap.h, cache_flush_permitted).
            xen_sys::MMUEXT_FLUSH_CACHE => self.only_dom0(Errno::EACCES),
            // Since 4.20 both are one command.
            xen_sys::MMUEXT_FLUSH_CACHE_GLOBAL => {
                self.only_dom0(if self.release < Release::V4_20 { Errno::EINVAL } else { Errno::EACCES })
            }
            // The number of entries has 32 bits.
            xen_sys::MMUEXT_SET_LDT => self.set_ldt(first, second as u32),
            xen_sys::MMUEXT_CLEAR_PAGE => self.clear_page(frame_number(first)?),
            xen_sys::MMUEXT_COPY_PAGE => self.copy_whole_page(frame_number(first)?, frame_number(second)?),
            // Superpages of PV guests are gone.
            xen_sys::MMUEXT_MARK_SUPER | xen_sys::MMUEXT_UNMARK_SUPER => Err(EOPNOTSUPP),
            // Command 14 is an operation that Xen no longer has.
            _ => Err(Errno::ENOSYS),
        }
    }

    /// Does nothing for dom0 and refuses everybody else.
    pub(crate) const fn only_dom0(&self, errno: Errno) -> Result<(), Errno> {
        match self.domain {
            Domain::Dom0 => Ok(()),
            Domain::Guest => Err(errno),
        }
    }

    fn pin(&mut self, mfn: Mfn, level: u8) -> Result<(), Errno> {
        let frame = self.get_table(mfn, level)?;
        if self.frames.get(frame).is_pinned() {
            self.put_used(frame);
            return Err(Errno::EINVAL);
        }
        self.change(frame, |record| record.pinned(true));
        Ok(())
    }

    fn unpin(&mut self, mfn: Mfn) -> Result<(), Errno> {
        let frame = self.own_frame(mfn).ok_or(Errno::EINVAL)?;
        if !self.frames.get(frame).is_pinned() {
            return Err(Errno::EINVAL);
        }
        self.change(frame, |record: PageInfo| record.pinned(false));
        self.put_used(frame);
        Ok(())
    }
}

fn frame_number(first: u64) -> Result<Mfn, Errno> {
    Mfn::try_new(first).map_err(|_| Errno::EINVAL)
}
