//! Memory given away for good: for the layer's heap, or for an allocator of the kernel's own.

use core::mem::MaybeUninit;

use mmu::MmuError;
use start_info::PageCount;

use crate::{guest::Guest, sys};

/// Why the heap got no memory.
#[cfg(feature = "global-allocator")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeapError {
    /// It has memory already.
    #[error("the heap has its {bytes} bytes already; it does not grow")]
    Again {
        /// How many bytes.
        bytes: usize,
    },
    /// No run of pages is long enough.
    #[error(transparent)]
    Mmu(#[from] MmuError),
}

impl Guest {
    /// Gives the heap of `alloc` its memory: a run of so many pages.
    ///
    /// # Errors
    /// [`HeapError::Again`] when it has memory already, [`HeapError::Mmu`] for 0 pages and when there is no such run.
    #[cfg(feature = "global-allocator")]
    pub fn heap(&mut self, pages: PageCount) -> Result<(), HeapError> {
        match sys::heap_size() {
            0 => {}
            bytes => return Err(HeapError::Again { bytes }),
        }
        sys::init_heap(self.give_away(pages)?);
        Ok(())
    }

    /// Gives a run of pages away for good, as bytes: memory for an allocator of the kernel's own. What is in them is
    /// undefined.
    ///
    /// # Errors
    /// [`MmuError::NoPages`] for 0 pages, [`MmuError::NoRun`] when no run is long enough.
    pub fn give_away(&mut self, pages: PageCount) -> Result<&'static mut [MaybeUninit<u8>], MmuError> {
        if pages == PageCount::ZERO {
            return Err(MmuError::NoPages);
        }
        let span = self.take_span(pages)?;
        let pfn = span.range().start();
        sys::bytes_of_span(self.parts.map.view().direct(), span).ok_or(MmuError::NoMemory { pfn })
    }
}
