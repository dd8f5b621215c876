//! How many frames the guest has, and giving them back.
//!
//! *What this is*: `XENMEM_current_reservation`, `XENMEM_maximum_reservation` and `XENMEM_decrease_reservation`
//! (common/memory.c, `do_memory_op`, `decrease_reservation` and `guest_remove_page`).
//!
//! *What must hold*: giving a frame back only drops its owner's reference. While a mapping, a pin or a table refers to
//! it, it stays the guest's and is counted; dropping the last reference frees it. Until then giving it back again has
//! no effect. Xen says how many extents are done, never why the next was not.

use mmu::Errno;
use start_info::Mfn;

use crate::errno::ENXIO;
use crate::frames::{Owner, PageInfo};
use crate::machine::ModelMachine;
use crate::trace::{MemoryCommand, TracedCall};

/// The most extents of a call: their number goes into the command (common/memory.c, `MEMOP_EXTENT_SHIFT`).
pub(crate) const MAX_EXTENTS: usize = u32::MAX as usize >> 6;

impl ModelMachine {
    /// Returns how many frames the guest has.
    ///
    /// # Errors
    /// Only what a test asked for.
    pub fn current_reservation(&mut self) -> Result<u64, Errno> {
        self.ask(MemoryCommand::CurrentReservation)?;
        Ok(self.heap.held)
    }

    /// Returns how many frames the guest may have.
    ///
    /// # Errors
    /// Only what a test asked for.
    pub fn maximum_reservation(&mut self) -> Result<u64, Errno> {
        self.ask(MemoryCommand::MaximumReservation)?;
        Ok(self.heap.most)
    }

    fn ask(&mut self, command: MemoryCommand) -> Result<(), Errno> {
        self.carry_out_one(TracedCall::Memory { command, count: 1 }, |_| Ok(()))
    }

    /// Gives frames back and returns how many of them, the first ones, are done.
    #[must_use = "Xen may stop anywhere"]
    pub fn decrease_reservation(&mut self, frames: &[Mfn]) -> usize {
        let numbers: Vec<_> = frames.iter().map(|mfn| mfn.get()).collect();
        self.decrease_extents(&numbers, 0)
    }

    /// Gives extents of 2^`order` frames back and returns how many are done. Of the next, the first frames may be gone.
    #[must_use = "Xen may stop anywhere"]
    pub fn decrease_extents(&mut self, extents: &[u64], order: u32) -> usize {
        self.change_reservation(MemoryCommand::DecreaseReservation, extents.len(), order, |machine, i| {
            (0..1 << order).try_for_each(|offset| machine.remove_page(extents[i].wrapping_add(offset)))
        })
    }

    /// Carries out a call whose answer is the number of extents done.
    pub(crate) fn change_reservation(
        &mut self,
        command: MemoryCommand,
        count: usize,
        order: u32,
        one: impl FnMut(&mut Self, usize) -> Result<(), Errno>,
    ) -> usize {
        let extents = if count > MAX_EXTENTS || order > self.largest_order() { 0 } else { count };
        let call = TracedCall::Memory { command, count };
        self.carry_out_some(call, extents, one).map_or_else(|stopped| stopped.done, |()| extents)
    }

    /// Gives one frame back (common/memory.c, `guest_remove_page`).
    fn remove_page(&mut self, number: u64) -> Result<(), Errno> {
        let mfn = Mfn::try_new(number).map_err(|_| Errno::EINVAL)?;
        // stricter: Xen also lets go of shared_info.
        let frame =
            self.frame(mfn).filter(|&frame| self.frames.get(frame).owner() == Owner::Guest).ok_or(ENXIO)?;
        self.change(frame, PageInfo::leaving);
        if self.frames.get(frame).references() == 0 {
            self.free(frame);
        }
        Ok(())
    }
}
