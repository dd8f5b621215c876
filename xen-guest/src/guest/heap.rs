//! The payload's heap.

use core::fmt;

use start_info::PageCount;

use crate::{guest::Guest, sys};

/// Why the heap got no memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapError {
    /// It has memory already.
    Again {
        /// How many bytes.
        bytes: usize,
    },
    /// There is no run of pages as long.
    Mmu(mmu::Error),
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Again { bytes } => write!(f, "the heap has its {bytes} bytes already; it does not grow"),
            Self::Mmu(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for HeapError {}

impl Guest {
    /// Gives the heap of `alloc` its memory: a run of so many pages.
    ///
    /// # Errors
    /// [`HeapError::Again`] when it has memory already, [`HeapError::Mmu`] for no pages, and when there is no such run.
    pub fn init_heap(&mut self, len: PageCount) -> Result<(), HeapError> {
        if len == PageCount::ZERO {
            return Err(HeapError::Mmu(mmu::Error::NoPages));
        }
        match sys::heap_size() {
            0 => {}
            bytes => return Err(HeapError::Again { bytes }),
        }
        let span = self.take_span(len).map_err(HeapError::Mmu)?;
        sys::init_heap(self.parts.map.view().direct(), span);
        Ok(())
    }
}
