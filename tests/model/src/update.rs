//! Changes of one entry of a live table.
//!
//! *What this is*: `do_mmu_update`, `do_update_va_mapping` and the `mod_l1_entry` to `mod_l4_entry` functions of mm.c.
//!
//! *What must hold*: the new entry's references are taken before the old one's are dropped; a refusal changes nothing.
//!
//! *What is not modelled*: the races between processors that give EBUSY and EFAULT.

use mmu::Errno;
use start_info::{Maddr, Mfn};

use crate::frames::{FrameIndex, PageType};
use crate::machine::ModelMachine;
use crate::pte::{ACCESSED, DIRTY, Pte};
use crate::types::XEN_SLOTS;
use crate::walk::index;

const NORMAL: u64 = 0;
const MACHPHYS: u64 = 1;
const PRESERVE_AD: u64 = 2;
const NO_TRANSLATE: u64 = 3;

impl ModelMachine {
    /// Carries out one request of `mmu_update`.
    pub(crate) fn update(&mut self, target: u64, value: u64) -> Result<(), Errno> {
        let command = target % 8;
        let address = Maddr::try_new(target - command).map_err(|_| Errno::EINVAL)?;
        match command {
            NORMAL | NO_TRANSLATE => self.update_table(address, value, false),
            PRESERVE_AD => self.update_table(address, value, true),
            MACHPHYS => {
                self.own_frame(address.mfn()).ok_or(Errno::EINVAL)?;
                self.set_page(address.mfn(), value);
                Ok(())
            }
            _ => Err(Errno::ENOSYS),
        }
    }

    /// Changes the entry that maps an address now (`update_va_mapping`). It never makes tables.
    pub(crate) fn update_mapping(&mut self, address: u64, value: u64) -> Result<(), Errno> {
        let root = self.root.ok_or(Errno::EINVAL)?;
        let table = self.table_for(root, address).map_err(|_| Errno::EINVAL)?;
        self.modify(1, table, index(address, 1), Pte(value))?;
        // UVMF_INVLPG, which every request sets.
        self.stale.flush_entry(table, index(address, 1));
        self.tlb.flush();
        Ok(())
    }

    fn update_table(&mut self, address: Maddr, value: u64, preserve: bool) -> Result<(), Errno> {
        let frame = self.own_frame(address.mfn()).ok_or(Errno::EINVAL)?;
        let record = self.frames.get(frame);
        let index = (address.get() % start_info::PAGE_SIZE / 8) as usize;
        match record.kind() {
            PageType::Table(level) if record.count() > 0 => {
                let kept = if preserve { self.contents.word(frame, index) & (ACCESSED | DIRTY) } else { 0 };
                self.modify(level, frame, index, Pte(value | kept))
            }
            // stricter: Xen writes the word to a page that is not a table, unchecked. The guest believes it is one.
            _ => Err(Errno::EINVAL),
        }
    }

    fn modify(&mut self, level: u8, table: FrameIndex, index: usize, new: Pte) -> Result<(), Errno> {
        if level == 4 && XEN_SLOTS.contains(&index) {
            // "L4 update in Xen-private area"
            return Err(Errno::EINVAL);
        }
        let old = Pte(self.contents.word(table, index));
        self.check_strictly(level, new)?;
        let new = new.adjusted(level);
        if new.is_present() {
            new.check_flags(level, self.build)?;
            if old.differs_harmlessly(new) {
                self.contents.set(table, index, new.0);
                return Ok(());
            }
            self.get_entry(level, new)?;
        }
        self.contents.set(table, index, new.0);
        if level == 1 {
            self.stale.note(table, index, old, new);
        } else {
            // "Force other vCPU-s of the affected guest to pick up L4 entry changes" and the like: Xen flushes.
            self.stale.flush();
        }
        if old.is_present() {
            self.put_entry(level, old);
        }
        Ok(())
    }

    /// Makes `mfn` the processor's top-level table (mm.c, `new_guest_cr3`).
    pub(crate) fn new_root(&mut self, mfn: Mfn) -> Result<(), Errno> {
        if self.root() == Some(mfn) {
            return Ok(());
        }
        let new = self.get_table(mfn, 4)?;
        self.fill_m2p_slot(new);
        self.stale.flush();
        if let Some(old) = self.root.replace(new) {
            self.put_used(old);
        }
        Ok(())
    }

    /// Makes `mfn` the top-level table of user mode; 0 means none (mm.c, `do_mmuext_op`).
    pub(crate) fn new_user_root(&mut self, mfn: Mfn) -> Result<(), Errno> {
        let old = self.user_root;
        if old.map_or(0, |old| self.frames.mfn(old).get()) == mfn.get() {
            return Ok(());
        }
        self.user_root = if mfn.get() == 0 { None } else { Some(self.get_table(mfn, 4)?) };
        if let Some(old) = old {
            self.put_used(old);
        }
        Ok(())
    }
}
