//! L1 entries that were changed while a processor may still hold the old translation.
//!
//! *What this is*: `do_mmu_update` flushes after changes of upper levels, not after changes of L1 entries (mm.c). Until
//! the guest flushes, or Xen does for a reason of its own, an access may use the old entry or the new one.
//!
//! *What must hold*: the guest makes no access whose outcome depends on which. `stricter:` a real processor has often
//! dropped the old entry, and then nobody notices; here such an access fails the test.

use std::collections::HashMap;

use crate::frames::FrameIndex;
use crate::pte::Pte;

/// The old values of changed entries, by table and index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stale {
    entries: HashMap<(FrameIndex, usize), Pte>,
}

impl Stale {
    /// Notes that an L1 entry changed. The oldest value counts: it is what a processor may have seen.
    pub(crate) fn note(&mut self, table: FrameIndex, index: usize, old: Pte, new: Pte) {
        let same = old.mfn() == new.mfn() && old.is_writable() == new.is_writable();
        if old.is_present() && !same {
            self.entries.entry((table, index)).or_insert(old);
        }
    }

    /// Forgets one entry: its address was flushed.
    pub(crate) fn flush_entry(&mut self, table: FrameIndex, index: usize) {
        self.entries.remove(&(table, index));
    }

    /// Forgets everything: the processor's translations were flushed.
    pub(crate) fn flush(&mut self) {
        self.entries.clear();
    }

    /// Returns a number for all that is noted.
    pub(crate) fn fingerprint(&self) -> u64 {
        let one = |((table, index), old): (&(FrameIndex, usize), &Pte)| {
            (table.number() as u64 * 1024 + *index as u64 + 1).wrapping_mul(old.0.wrapping_mul(2) | 1)
        };
        self.entries.iter().map(one).fold(0, u64::wrapping_add)
    }

    /// Returns the translations that a processor may still hold, each with its table and index.
    pub(crate) fn all(&self) -> impl Iterator<Item = (FrameIndex, usize, Pte)> {
        self.entries.iter().map(|(&(table, index), &old)| (table, index, old))
    }

    /// Returns what a processor may still hold in place of an entry.
    pub(crate) fn old(&self, table: FrameIndex, index: usize) -> Option<Pte> {
        if self.entries.is_empty() { None } else { self.entries.get(&(table, index)).copied() }
    }
}
