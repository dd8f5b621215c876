//! Exchanging frames for others, in extents of another size.
//!
//! *What this is*: `XENMEM_exchange` (common/memory.c, `memory_exchange`; mm.c, `steal_page`).
//!
//! *What must hold*: a frame that is handed in has no reference but its owner's, so it is mapped nowhere. A chunk (the
//! size of the larger extent) is exchanged as a whole or not at all. What the new frames hold is undefined.

use std::collections::HashSet;

use mmu::{Errno, Partial};
use start_info::Mfn;

use crate::frames::{FrameIndex, Owner};
use crate::machine::ModelMachine;
use crate::trace::{MemoryCommand, TracedCall};

impl ModelMachine {
    /// Hands in extents of 2^`order` frames, each named by its first frame. Each extent of 2^`out_order` pages in `out`
    /// gets as many new frames; the number of the first replaces the page's.
    ///
    /// # Errors
    /// [`Partial`], with the number of extents that were handed in: `EPERM` for an order that is too large, `EINVAL` if
    /// the sizes differ or a frame cannot be handed in, `ENOMEM` if there are no contiguous frames.
    pub fn exchange(
        &mut self,
        extents: &[u64],
        order: u32,
        out: &mut [u64],
        out_order: u32,
    ) -> Result<(), Partial> {
        let (chunk, largest) = (order.max(out_order), self.largest_order());
        let (per_chunk, out_per_chunk) = (1_usize << (chunk - order), 1_usize << (chunk - out_order));
        let call = TracedCall::Memory { command: MemoryCommand::Exchange, count: extents.len() };
        let same = (extents.len() as u128) << order == (out.len() as u128) << out_order;
        let (chunks, refused) = match (chunk <= largest, same) {
            (false, _) => (1, Some(Errno::EPERM)),
            (_, false) => (1, Some(Errno::EINVAL)),
            _ => (extents.len() / per_chunk, None),
        };
        let exchanged = self.carry_out(call, chunks, |machine, i| {
            refused.map_or(Ok(()), Err)?;
            let old = machine.steal(&extents[i * per_chunk..][..per_chunk], order)?;
            let new = machine.allocate_extents(out_per_chunk, out_order)?;
            old.into_iter().for_each(|frame| machine.free(frame));
            for (first, pages) in new.into_iter().zip(&mut out[i * out_per_chunk..]) {
                *pages = machine.assign_extent(first, *pages, out_order);
            }
            Ok(())
        });
        exchanged.map_err(|stopped| Partial { done: stopped.done * per_chunk, ..stopped })
    }

    /// Returns the frames of extents that nothing but their owner holds (mm.c, `steal_page`).
    fn steal(&self, extents: &[u64], order: u32) -> Result<Vec<FrameIndex>, Errno> {
        let mut seen = HashSet::new();
        let numbers =
            extents.iter().flat_map(|&first| (0..1_u64 << order).map(move |i| first.wrapping_add(i)));
        numbers
            .map(|number| {
                let frame = Mfn::try_new(number).ok().and_then(|mfn| self.frame(mfn)).ok_or(Errno::EINVAL)?;
                let record = self.frames.get(frame);
                let alone = record.owner() == Owner::Guest && record.references() == 0;
                if alone && seen.insert(frame) { Ok(frame) } else { Err(Errno::EINVAL) }
            })
            .collect()
    }

    /// Takes extents out of the heap, or none of them.
    fn allocate_extents(&mut self, count: usize, order: u32) -> Result<Vec<FrameIndex>, Errno> {
        let mut taken = Vec::new();
        for _ in 0..count {
            match self.allocate(order) {
                Ok(first) => taken.push(first),
                Err(errno) => {
                    taken.into_iter().for_each(|first| self.unallocate(first, order));
                    return Err(errno);
                }
            }
        }
        Ok(taken)
    }
}
