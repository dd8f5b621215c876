//! Descriptor tables.
//!
//! *What this is*: `set_gdt` and `update_descriptor` (pv/descriptor-tables.c), and `MMUEXT_SET_LDT` (mm.c).
//!
//! *What must hold*: a frame of the global table is used as descriptors until another table takes its place, so it has
//! no writable mapping and is no page table.
//!
//! *What is not prevented*: a local table is only checked when it is set. Xen takes its frames at the first use of a
//! selector (pv/mm.c, `pv_map_ldt_shadow_page`); no selector is used here, so they stay ordinary pages.

use mmu::Errno;
use start_info::{Maddr, Mfn, PAGE_SIZE};

use crate::descriptor::{FIRST_OF_XENS, checked};
use crate::frames::{FrameIndex, PageType};
use crate::machine::ModelMachine;
use crate::trace::TracedCall;

/// Descriptors in a page.
const PER_PAGE: u32 = 512;
/// The most entries that a local table has.
const MAX_LOCAL: u32 = 8192;
/// The first address after the hypervisor hole (asm/config.h, `HYPERVISOR_VIRT_END`), and the end of the lower half.
const UPPER: u64 = 0xffff_8800_0000_0000;
const LOWER_END: u64 = 1 << 47;

/// A local descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTable {
    /// Where it is.
    pub address: u64,
    /// How many descriptors it has.
    pub entries: u32,
}

/// Tells whether an address may be the guest's (x86_64/uaccess.h, `__addr_ok`).
const fn may_be_the_guests(address: u64) -> bool {
    address < LOWER_END || address >= UPPER
}

impl ModelMachine {
    /// Makes the hypercall `set_gdt` with machine frames and a number of descriptors; zero removes the table.
    ///
    /// # Errors
    /// `EINVAL` if there are too many or one of the frames cannot be used; `EFAULT` if fewer frames are named than
    /// needed. The old table then stays.
    pub fn set_gdt(&mut self, frames: &[u64], entries: u32) -> Result<(), Errno> {
        self.carry_out_one(TracedCall::Gdt { entries }, |machine| machine.replace_gdt(frames, entries))
    }

    fn replace_gdt(&mut self, frames: &[u64], entries: u32) -> Result<(), Errno> {
        if entries > FIRST_OF_XENS {
            return Err(Errno::EINVAL);
        }
        let wanted = frames.get(..entries.div_ceil(PER_PAGE) as usize).ok_or(Errno::EFAULT)?;
        let mut new = Vec::new();
        for &number in wanted {
            let taken = Mfn::try_new(number)
                .map_err(|_| Errno::EINVAL)
                .and_then(|mfn| self.get_used(mfn, PageType::Descriptors));
            match taken {
                Ok(frame) => new.push(frame),
                Err(_) => {
                    new.into_iter().for_each(|frame| self.put_used(frame));
                    return Err(Errno::EINVAL);
                }
            }
        }
        let old = std::mem::replace(&mut self.gdt, new);
        old.into_iter().for_each(|frame| self.put_used(frame));
        self.stale.flush();
        Ok(())
    }

    /// Makes the hypercall `update_descriptor` with the machine address of a descriptor.
    ///
    /// # Errors
    /// `EINVAL` if the address is not aligned, the page not the guest's or a page table, or the descriptor refused.
    pub fn update_descriptor(&mut self, address: u64, descriptor: u64) -> Result<(), Errno> {
        let call = TracedCall::Descriptor { address, value: descriptor };
        self.carry_out_one(call, |machine| machine.write_descriptor(address, descriptor))
    }

    fn write_descriptor(&mut self, address: u64, descriptor: u64) -> Result<(), Errno> {
        let stored = checked(descriptor).ok_or(Errno::EINVAL)?;
        let address = Maddr::try_new(address).map_err(|_| Errno::EINVAL)?;
        if !address.get().is_multiple_of(8) {
            return Err(Errno::EINVAL);
        }
        let frame = self.own_frame(address.mfn()).ok_or(Errno::EINVAL)?;
        // A page that is not used as descriptors is written like any other.
        let kind = match self.frames.get(frame).kind() {
            PageType::Descriptors => PageType::Descriptors,
            _ => PageType::Writable,
        };
        let frame = self.get_used(address.mfn(), kind)?;
        self.contents.set(frame, (address.get() % PAGE_SIZE / 8) as usize, stored);
        self.put_used(frame);
        Ok(())
    }

    /// Checks a page of descriptors (`validate_segdesc_page`). Descriptors adjusted before a refusal stay adjusted.
    pub(crate) fn check_descriptors(&mut self, frame: FrameIndex) -> Result<(), Errno> {
        let mut words = self.contents.words(frame);
        let refused = words.iter_mut().any(|word| match checked(*word) {
            Some(stored) => {
                *word = stored;
                false
            }
            None => true,
        });
        self.contents.set_words(frame, &words);
        self.contents.compact(frame);
        if refused { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Sets the local table (mm.c, `do_mmuext_op`).
    pub(crate) fn set_ldt(&mut self, address: u64, entries: u32) -> Result<(), Errno> {
        let misplaced = !address.is_multiple_of(PAGE_SIZE) || !may_be_the_guests(address);
        if entries > MAX_LOCAL || entries > 0 && misplaced {
            return Err(Errno::EINVAL);
        }
        self.ldt = (entries > 0).then_some(LocalTable { address, entries });
        Ok(())
    }

    /// Returns the frames of the global descriptor table.
    pub fn gdt(&self) -> impl Iterator<Item = Mfn> {
        self.gdt.iter().map(|&frame| self.frames.mfn(frame))
    }

    /// Returns the local descriptor table, if the guest set one.
    #[must_use]
    pub const fn ldt(&self) -> Option<LocalTable> {
        self.ldt
    }
}
