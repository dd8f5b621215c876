//! The type of a frame: taken, checked and dropped.
//!
//! *What this is*: `_get_page_type`, `_put_page_type`, the `promote_` and `demote_` functions and `get_page_from_l1e`
//! of mm.c. A frame becomes a table by being pinned, hooked under a live table or made the root; all its entries are
//! then checked, and those of the tables below.
//!
//! *What must hold*: an operation that is refused leaves every count as it was. Entries it has already adjusted stay
//! adjusted, as with Xen.
//!
//! *What is not prevented*: linear page tables do not exist here. `stricter:` an entry that leads to a table of the
//! wrong level is refused even where `get_l4_linear_pagetable` and its kin would let it pass; `pv-linear-pt=0` does the
//! same.

use mmu::Errno;
use start_info::Mfn;

use crate::frames::{Found, FrameIndex, Owner, PageInfo, PageType};
use crate::machine::ModelMachine;
use crate::pte::Pte;

/// The top-level entries that are Xen's (asm/config.h, `ROOT_PAGETABLE_FIRST_XEN_SLOT` and `_LAST_`).
pub(crate) const XEN_SLOTS: std::ops::RangeInclusive<usize> = 256..=271;
/// The one of these that the guest may read (xen.h, MACH2PHYS_VIRT_START).
const M2P_SLOT: usize = 256;
/// The value that get_page_from_l1e compares with as INVALID_MFN.
const ALL_ONES: u64 = (1 << 40) - 1;

impl ModelMachine {
    /// Takes a reference to a frame as a table of `level` (mm.c, `get_page_and_type_from_mfn`).
    pub(crate) fn get_table(&mut self, mfn: Mfn, level: u8) -> Result<FrameIndex, Errno> {
        self.get_used(mfn, PageType::Table(level))
    }

    /// Takes a reference to a frame and one of a type.
    pub(crate) fn get_used(&mut self, mfn: Mfn, kind: PageType) -> Result<FrameIndex, Errno> {
        let frame = self.own_frame(mfn).ok_or(Errno::EINVAL)?;
        self.get_type(frame, kind)?;
        self.change(frame, PageInfo::held_once_more);
        Ok(frame)
    }

    /// Drops what [`Self::get_used`] took (mm.c, `put_page_and_type`).
    pub(crate) fn put_used(&mut self, frame: FrameIndex) {
        self.change(frame, PageInfo::used_once_less);
        let record = self.frames.get(frame);
        if record.count() == 0
            && let PageType::Table(level) = record.kind()
        {
            self.demote(frame, level);
        }
        self.put(frame);
    }

    /// Drops a reference (mm.c, `put_page`). Dropping the last one to a frame that was given back frees it.
    fn put(&mut self, frame: FrameIndex) {
        self.change(frame, PageInfo::held_once_less);
        let record = self.frames.get(frame);
        if record.is_leaving() && record.references() == 0 {
            self.free(frame);
        }
    }

    /// Takes the references that a present entry of a table of `level` needs.
    pub(crate) fn get_entry(&mut self, level: u8, pte: Pte) -> Result<(), Errno> {
        pte.check_flags(level, self.build)?;
        if level == 1 { self.get_leaf(pte) } else { self.get_table(pte.mfn(), level - 1).map(|_| ()) }
    }

    /// Drops the references of a present entry.
    pub(crate) fn put_entry(&mut self, level: u8, pte: Pte) {
        let Some(frame) = self.frame(pte.mfn()) else { return };
        if level > 1 || pte.is_writable() {
            self.put_used(frame);
        } else {
            self.put(frame);
        }
    }

    /// Checks the rules of the model that Xen does not have. An entry that maps nothing must be zero.
    pub(crate) const fn check_strictly(&self, level: u8, pte: Pte) -> Result<(), Errno> {
        let refused = if pte.is_present() {
            // stricter: nothing is writable and executable. The builder's mapping is, until it is dropped.
            level == 1 && pte.is_writable() && pte.is_executable() && !self.building
        } else {
            // stricter: Xen looks at the address part only, and only on hosts with the flaw (asm/shadow.h,
            // pv_l1tf_check); there it crashes the domain.
            pte.0 != 0
        };
        if refused { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Takes the references of a present L1 entry (mm.c, `get_page_from_l1e`).
    fn get_leaf(&mut self, pte: Pte) -> Result<(), Errno> {
        let mfn = pte.mfn();
        // dom0 may map what is not memory (dom0_build.c, dom0_setup_permissions); such mappings are not counted.
        if self.has_device(mfn) {
            return Ok(());
        }
        let frame = match self.frames.find(mfn) {
            Found::Frame(frame) => frame,
            // Memory, but another domain's.
            Found::Elsewhere => return Err(Errno::EBUSY),
            Found::NoMemory if mfn.get() == ALL_ONES => return Err(Errno::EINVAL),
            // Device memory the guest has no right to.
            Found::NoMemory => return Err(Errno::EPERM),
        };
        let record = self.frames.get(frame);
        if !matches!(record.owner(), Owner::Guest | Owner::Lent) {
            return Err(Errno::EBUSY);
        }
        let held = record.held_once_more();
        let taken = match (pte.is_writable(), record.count(), record.kind()) {
            (false, ..) => held,
            (true, 0, _) => held.used_once_as(PageType::Writable),
            (true, _, PageType::Writable) => held.used_once_more(),
            // "Could not get page type PGT_writable_page": a live table, or descriptors in use.
            (true, ..) => return Err(Errno::EBUSY),
        };
        self.frames.set(frame, taken);
        Ok(())
    }

    /// Counts one more use of a frame as a type (mm.c, `_get_page_type`).
    fn get_type(&mut self, frame: FrameIndex, kind: PageType) -> Result<(), Errno> {
        let record = self.frames.get(frame);
        if record.count() == 0 {
            if record.kind() == PageType::Writable && kind != PageType::Writable {
                // Xen flushes if a writable translation of a new table may be left.
                self.stale.flush();
            }
            // The type changes before the contents are checked: so a table that maps itself writable is caught.
            self.frames.set(frame, record.used_once_as(kind));
            let checked = match kind {
                PageType::Table(level) => self.promote(frame, level),
                PageType::Descriptors => self.check_descriptors(frame),
                PageType::Writable | PageType::None => Ok(()),
            };
            return checked.inspect_err(|_| self.change(frame, PageInfo::used_once_less));
        }
        if record.kind() != kind {
            return Err(Errno::EINVAL);
        }
        self.change(frame, PageInfo::used_once_more);
        Ok(())
    }

    /// Checks all entries of a table (mm.c, `promote_l1_table` to `promote_l4_table`).
    fn promote(&mut self, frame: FrameIndex, level: u8) -> Result<(), Errno> {
        let mut words = self.contents.words(frame);
        let mut refused = None;
        for (index, word) in words.iter_mut().enumerate() {
            // promote_l4_table does not look at Xen's slots.
            if level == 4 && XEN_SLOTS.contains(&index) {
                continue;
            }
            let pte = Pte(*word);
            let checked = self.check_strictly(level, pte);
            let taken =
                if pte.is_present() { checked.and_then(|()| self.get_entry(level, pte)) } else { checked };
            match taken {
                Ok(()) => *word = pte.adjusted(level).0,
                Err(errno) => {
                    refused = Some((index, errno));
                    break;
                }
            }
        }
        if let Some((end, _)) = refused {
            for index in (0..end).filter(|index| level < 4 || !XEN_SLOTS.contains(index)) {
                if Pte(words[index]).is_present() {
                    self.put_entry(level, Pte(words[index]));
                }
            }
        } else if level == 4 {
            self.fill_xen_slots(&mut words);
        }
        self.contents.set_words(frame, &words);
        self.contents.compact(frame);
        self.compact_around(level, &words);
        refused.map_or(Ok(()), |(_, errno)| Err(errno))
    }

    /// Drops the references of a table's entries (mm.c, `demote_l1_table` to `demote_l4_table`). The words stay.
    fn demote(&mut self, frame: FrameIndex, level: u8) {
        let words = self.contents.words(frame);
        for (index, &word) in words.iter().enumerate() {
            if Pte(word).is_present() && (level < 4 || !XEN_SLOTS.contains(&index)) {
                self.put_entry(level, Pte(word));
            }
        }
        self.compact_around(level, &words);
    }

    /// Puts Xen's own entries into a top-level table (mm.c, `init_xen_l4_slots`). The frames are Xen's and have no
    /// record. The M2P's slot is emptied: it is filled when the table is used, by [`Self::fill_m2p_slot`].
    fn fill_xen_slots(&self, words: &mut crate::contents::Words) {
        for slot in XEN_SLOTS {
            words[slot] = self.xens_frame(slot) << 12 | 0x8000_0000_0000_0063;
        }
        words[M2P_SLOT] = 0;
    }

    /// Maps the M2P read-only in a top-level table (mm.c, `fill_ro_mpt`).
    pub(crate) fn fill_m2p_slot(&mut self, root: FrameIndex) {
        let word = self.xens_frame(M2P_SLOT) << 12 | 0x8000_0000_0000_0025;
        self.contents.set(root, M2P_SLOT, word);
    }

    fn xens_frame(&self, slot: usize) -> u64 {
        self.device_frame().get() + 0x100 + slot as u64
    }

    fn compact_around(&mut self, level: u8, words: &crate::contents::Words) {
        let first = words.iter().map(|&word| Pte(word)).find(|pte| pte.is_present());
        if level == 1
            && let Some(frame) = first.and_then(|pte| self.frame(pte.mfn()))
        {
            self.frames.compact(frame);
        }
    }

    pub(crate) fn change(&mut self, frame: FrameIndex, how: impl FnOnce(PageInfo) -> PageInfo) {
        self.frames.set(frame, how(self.frames.get(frame)));
    }
}
