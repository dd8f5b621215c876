//! A promise to deal with stale translations.
//!
//! *What this is*: what a batch of accepted updates returns. Xen flushes after changes of upper levels, not after
//! changes of L1 entries (`mm.c`, `do_mmu_update`), so the caller must say what happens to the old translations.
//!
//! *What must hold*: the promise is kept by a flush, or waived with the reason why no stale translation can be used.

use crate::{
    error::{MmuError, Operation},
    hv::{ExtOp, Hypervisor},
};

/// Flushes the translations of this processor.
///
/// # Errors
/// [`MmuError::Refused`] when Xen refuses the flush.
pub(crate) fn flush(hypervisor: &mut impl Hypervisor) -> Result<(), MmuError> {
    hypervisor
        .mmuext_op(&[ExtOp::flush_local()])
        .map_err(|stopped| MmuError::refused(Operation::Flush, stopped))
}

/// Updates whose old translations may still be in the TLB.
#[must_use = "a stale translation may be used: flush it, or waive the flush and say why"]
#[derive(Debug)]
pub(crate) struct Unflushed(pub(super) ());

impl Unflushed {
    /// Flushes the translations of this processor, the only one; support for more processors must change it here
    /// (`docs/decisions/0023-seams-for-several-processors.md`).
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses the flush.
    pub(crate) fn flush(self, hypervisor: &mut impl Hypervisor) -> Result<(), MmuError> {
        flush(hypervisor)
    }

    /// Leaves the old translations alone, for the reason given, which must be true.
    pub(crate) const fn waive(self, _reason: &'static str) {}
}
