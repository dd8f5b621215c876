//! The payload's heap.

use start_info::PageCount;

use crate::{guest::Guest, sys};

/// Why the heap got no memory.
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
    Mmu(#[from] mmu::MmuError),
}

impl Guest {
    /// Gives the heap of `alloc` its memory: a run of so many pages.
    ///
    /// # Errors
    /// [`HeapError::Again`] when it has memory already, [`HeapError::Mmu`] for 0 pages and when there is no such run.
    pub fn init_heap(&mut self, len: PageCount) -> Result<(), HeapError> {
        if len == PageCount::ZERO {
            return Err(mmu::MmuError::NoPages.into());
        }
        match sys::heap_size() {
            0 => {}
            bytes => return Err(HeapError::Again { bytes }),
        }
        let span = self.take_span(len)?;
        sys::init_heap(self.parts.map.view().direct(), span);
        Ok(())
    }
}
