//! Gathers entry updates and sends them to Xen many at a time.
//!
//! *What this is*: an ordered queue in front of `mmu_update`. When it is full it is sent; [`Batch::commit`] sends the
//! rest. A module's updates are sent all at once if the heap has room for them: Xen takes any number (`mm.c`,
//! `do_mmu_update`, continues where it was preempted).
//!
//! *What must hold*: Xen carries updates out in order, so the update that takes away a table's writable mapping is
//! pushed before the one that hooks it. Xen stops at the first refusal, and so does the batch: nothing after it is
//! sent. The error counts what was done over all lists of the batch. Undoing a batch does not rely on that count: it
//! reads the live tables, which say what was done even after a second refusal
//! (`docs/decisions/0014-undo-by-reading.md`).
//!
//! *What is not prevented*: two updates of one entry. The later one wins, as with single updates. A table frozen
//! through one batch and hooked through another that is sent earlier: Xen refuses the hook
//! (`0015-batch-without-brand.md` there).

use alloc::vec::Vec;

use arrayvec::ArrayVec;

use crate::{
    error::{MmuError, Operation},
    hv::{Hypervisor, Update},
    paging::flush::Unflushed,
};

/// How many updates go to Xen at a time: one page of them.
const CAPACITY: usize = 256;

/// Where updates wait: in place, which needs no heap, or in a list on the heap with room for all of them.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the long variant exists only for a moment, the short one must need no heap"
)]
enum Queue {
    Short(ArrayVec<Update, CAPACITY>),
    Long(Vec<Update>),
}

impl Queue {
    fn is_full(&self) -> bool {
        match self {
            Self::Short(queue) => queue.is_full(),
            Self::Long(queue) => queue.len() == queue.capacity(),
        }
    }

    fn push(&mut self, update: Update) {
        match self {
            Self::Short(queue) => queue.push(update),
            Self::Long(queue) => queue.push(update),
        }
    }

    fn updates(&self) -> &[Update] {
        match self {
            Self::Short(queue) => queue,
            Self::Long(queue) => queue,
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Short(queue) => queue.clear(),
            Self::Long(queue) => queue.clear(),
        }
    }
}

/// Updates on their way to Xen.
#[derive(Debug)]
#[must_use = "updates are sent only when the batch is committed"]
pub(crate) struct Batch {
    queue: Queue,
    sent: usize,
    doing: Operation,
}

impl Batch {
    /// Makes an empty batch; `doing` names it in an error.
    pub(crate) const fn new(doing: Operation) -> Self {
        Self { queue: Queue::Short(ArrayVec::new_const()), sent: 0, doing }
    }

    /// Makes an empty batch that sends up to `most` updates at once, if the heap has room for them; otherwise it sends
    /// them a page at a time.
    pub(crate) fn for_updates(doing: Operation, most: usize) -> Self {
        let mut queue = Vec::new();
        if most <= CAPACITY || queue.try_reserve_exact(most).is_err() {
            return Self::new(doing);
        }
        Self { queue: Queue::Long(queue), sent: 0, doing }
    }

    /// Adds an update, sending the queue first if it is full.
    pub(crate) fn push(&mut self, hypervisor: &mut impl Hypervisor, update: Update) -> Result<(), MmuError> {
        if self.queue.is_full() {
            self.send(hypervisor)?;
        }
        self.queue.push(update);
        Ok(())
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// [`MmuError::Refused`] with the number of updates that were carried out.
    pub(crate) fn commit(mut self, hypervisor: &mut impl Hypervisor) -> Result<Unflushed, MmuError> {
        self.send(hypervisor)?;
        Ok(Unflushed(()))
    }

    fn send(&mut self, hypervisor: &mut impl Hypervisor) -> Result<(), MmuError> {
        let updates = self.queue.updates();
        if !updates.is_empty() {
            hypervisor.mmu_update(updates).map_err(|mut stopped| {
                stopped.done += self.sent;
                MmuError::refused(self.doing, stopped)
            })?;
            self.sent += updates.len();
            self.queue.clear();
        }
        Ok(())
    }
}
