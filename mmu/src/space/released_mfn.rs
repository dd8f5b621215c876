//! Gives memory back to Xen.
//!
//! *What this is*: frames that nothing maps any more go to Xen, a list at a time.
//!
//! *What must hold*: no mapping of ours is left, and the flush was made. Xen would keep a frame that is still mapped as
//! ours until the mapping goes (`common/memory.c`, `decrease_reservation`), and the count it returns would not show it.
//!
//! *What is not prevented*: a P2M entry that still names the frame. The caller must change it.

use arrayvec::ArrayVec;
use p2m::Translate;
use start_info::Pfn;

use crate::{
    error::{MmuError, Operation},
    hv::{Machine, ReleasedMfn},
};

/// How many frames go to Xen at a time.
const CAPACITY: usize = 256;

/// Gives back the frames that `p2m` has for these pages; pages without memory are skipped.
///
/// # Errors
/// [`MmuError::Refused`] with the number of frames that Xen took before.
pub(crate) fn release_mfn<M: Machine>(
    machine: &mut M,
    p2m: &impl Translate,
    mut pages: impl Iterator<Item = Pfn>,
) -> Result<(), MmuError> {
    let mut done = 0;
    loop {
        let frames: ArrayVec<ReleasedMfn, CAPACITY> = pages
            .by_ref()
            .filter_map(|pfn| p2m.entry(machine, pfn).ram())
            .map(ReleasedMfn::new)
            .take(CAPACITY)
            .collect();
        if frames.is_empty() {
            return Ok(());
        }
        machine.decrease_reservation(&frames).map_err(|mut stopped| {
            stopped.done += done;
            MmuError::refused(Operation::GivingBack, stopped)
        })?;
        done += frames.len();
    }
}
