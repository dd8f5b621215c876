//! Gathers entry updates and sends them to Xen many at a time.
//!
//! *What this is*: an ordered queue in front of `mmu_update`. When it is full it is sent; [`Batch::commit`] sends the rest.
//!
//! *What must hold*: Xen carries updates out in order, so what a table must go through before it is hooked (its writable
//! mapping taken away) is pushed before the hook. Xen stops at the first refusal, and so does the batch: nothing behind
//! it is sent.
//!
//! *What is not prevented*: two updates of one entry. The later one wins, as with single updates.

use arrayvec::ArrayVec;

use crate::{
    error::{Doing, Error},
    flush::Unflushed,
    hv::{Hypervisor, Update},
};

/// How many updates go to Xen at a time: one page of them.
const CAPACITY: usize = 256;

/// Updates on their way to Xen.
#[derive(Debug)]
#[must_use = "updates are sent only when the batch is committed"]
pub struct Batch {
    queue: ArrayVec<Update, CAPACITY>,
    sent: usize,
    doing: Doing,
}

impl Batch {
    /// Makes an empty batch; `doing` names it in an error.
    pub(crate) const fn new(doing: Doing) -> Self {
        Self { queue: ArrayVec::new_const(), sent: 0, doing }
    }

    /// Adds an update, sending the queue first if it is full.
    pub(crate) fn push(&mut self, hypervisor: &mut impl Hypervisor, update: Update) -> Result<(), Error> {
        if self.queue.is_full() {
            self.send(hypervisor)?;
        }
        self.queue.push(update);
        Ok(())
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// [`Error::Refused`] with the number of updates that were carried out.
    pub fn commit(mut self, hypervisor: &mut impl Hypervisor) -> Result<Unflushed, Error> {
        self.send(hypervisor)?;
        Ok(Unflushed(()))
    }

    fn send(&mut self, hypervisor: &mut impl Hypervisor) -> Result<(), Error> {
        if !self.queue.is_empty() {
            hypervisor.mmu_update(&self.queue).map_err(|mut stopped| {
                stopped.done += self.sent;
                Error::refused(self.doing, stopped)
            })?;
            self.sent += self.queue.len();
            self.queue.clear();
        }
        Ok(())
    }
}
