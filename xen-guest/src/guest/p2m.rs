//! What page numbers stand for.

use mmu::MmuError;
use p2m::{Audit, Mismatch, P2mEntry};
use start_info::{PageCount, Pfn};

use crate::{guest::Guest, platform::Platform};

impl<P: Platform> Guest<P> {
    /// Returns how many page numbers the P2M has, those without memory included.
    #[must_use]
    pub const fn pages(&self) -> PageCount {
        self.parts.p2m.pages()
    }

    /// Returns what stands for `pfn` in the P2M, and above its end by the memory map.
    #[must_use]
    pub fn entry(&self, pfn: Pfn) -> P2mEntry {
        self.parts.entry(&self.platform, pfn)
    }

    /// Changes what stands for a page number that has no memory, in the P2M and in both forms the toolstack reads. A
    /// number that has memory cannot be changed here: only the owner of its frame may name it.
    ///
    /// # Errors
    /// [`MmuError::HasMemory`] when the number has memory or would get some, [`MmuError::P2m`] for a number above the
    /// last, [`MmuError::NoFrames`] when a leaf is needed and no frame is free, [`MmuError::Refused`] when Xen refuses
    /// to map the leaf. Then nothing is changed.
    pub fn set_entry(&mut self, pfn: Pfn, entry: P2mEntry) -> Result<(), MmuError> {
        // The tree alone is asked: above its end nothing can be set.
        let present = p2m::Translate::entry(&self.parts.p2m, &self.platform, pfn);
        if let Some(mfn) = present.ram().or(entry.ram()) {
            return Err(MmuError::HasMemory { pfn, mfn });
        }
        self.parts.set_entry(&mut self.platform, pfn, entry)
    }

    /// Compares every P2M entry with Xen's M2P.
    ///
    /// # Errors
    /// [`Mismatch`] for the first page on which they disagree.
    pub fn audit(&self) -> Result<Audit, Mismatch> {
        let p2m = &self.parts.p2m;
        p2m::audit(p2m, &self.platform, p2m.pages())
    }
}
