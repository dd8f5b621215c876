//! Extended operations: pins, the root, flushes.
//!
//! *What this is*: the commands of `do_mmuext_op` (mm.c) that a boot uses.
//!
//! *What must hold*: a pin is a flag, not a count: it holds one reference and is refused a second time.

use mmu::Errno;
use start_info::Mfn;

use crate::frames::Record;
use crate::machine::Machine;
use crate::walk::index;

const EOPNOTSUPP: Errno = Errno(95);

impl Machine {
    /// Carries out one extended operation.
    pub(crate) fn extended(&mut self, command: u32, first: u64) -> Result<(), Errno> {
        match command {
            xen_sys::MMUEXT_PIN_L1_TABLE..=xen_sys::MMUEXT_PIN_L4_TABLE => {
                let level = (command - xen_sys::MMUEXT_PIN_L1_TABLE + 1) as u8;
                self.pin(frame_number(first)?, level)
            }
            xen_sys::MMUEXT_UNPIN_TABLE => self.unpin(frame_number(first)?),
            xen_sys::MMUEXT_NEW_BASEPTR => self.new_root(frame_number(first)?),
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
            // Superpages of PV guests are gone.
            20 => Err(EOPNOTSUPP),
            // The number of an operation that Xen once had.
            14 => Err(Errno::ENOSYS),
            12..20 => {
                self.guest_bug(&format!("made extended operation {command}, which the model does not know"))
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    fn pin(&mut self, mfn: Mfn, level: u8) -> Result<(), Errno> {
        let frame = self.get_table(mfn, level)?;
        if self.frames.get(frame).is_pinned() {
            self.put_table(frame);
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
        self.change(frame, |record: Record| record.pinned(false));
        self.put_table(frame);
        Ok(())
    }
}

fn frame_number(first: u64) -> Result<Mfn, Errno> {
    Mfn::try_new(first).map_err(|_| Errno::EINVAL)
}
