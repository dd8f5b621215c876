//! A promise that stale translations will be dealt with.
//!
//! *What this is*: what a batch of accepted updates leaves behind. Xen flushes after changes of upper levels, not after
//! changes of L1 entries (`mm.c`, `do_mmu_update`), so somebody must say what becomes of the old translation.
//!
//! *What must hold*: the promise is spent by a flush, or waived with the reason why no stale translation can be used.

use crate::{
    error::{MmuError, Operation},
    hv::{ExtOp, Hypervisor},
};

/// Updates whose old translations may still be in the TLB.
#[must_use = "a stale translation may be used: flush it, or waive the flush and say why"]
#[derive(Debug)]
pub(crate) struct Unflushed(pub(super) ());

impl Unflushed {
    /// Flushes the translations of this processor, the only one there is; who starts another changes it here
    /// (`docs/decisions/0023-seams-for-several-processors.md`).
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses the flush.
    pub(crate) fn flush(self, hypervisor: &mut impl Hypervisor) -> Result<(), MmuError> {
        hypervisor
            .mmuext_op(&[ExtOp::flush_local()])
            .map_err(|stopped| MmuError::refused(Operation::Flush, stopped))
    }

    /// Leaves the old translations alone, for a reason that is true.
    pub(crate) const fn waive(self, _reason: &'static str) {}
}
