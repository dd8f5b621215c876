//! The top-level tables, and which of them the processor uses.
//!
//! *What this is*: all other tables are found by walking from one of these. They are the only tables whose machine
//! frames are kept.
//!
//! *What must hold*: each is pinned, and an entry that is added to or removed from one is added to or removed from all.
//!
//! *What a resume must renew*: the machine frame of each, by the P2M, before the first walk. The pages stay the same.

use alloc::vec::Vec;

use start_info::{Mfn, Pfn};

use crate::{
    error::{MmuError, Operation},
    paging::{
        level::L4,
        table::{Live, Table},
    },
};

/// The page of a top-level table, and its machine frame.
type Root = (Pfn, Mfn);

/// The top-level tables.
#[derive(Debug)]
pub(crate) struct Roots {
    first: Root,
    /// The roots of further address spaces, which share every entry with the first.
    others: Vec<Root>,
    /// The one the processor uses. With several processors, each would have its own.
    current: Pfn,
}

impl Roots {
    pub(crate) const fn new(first: Root) -> Self {
        Self { first, others: Vec::new(), current: first.0 }
    }

    /// Returns the first root.
    pub(crate) const fn first(&self) -> Root {
        self.first
    }

    /// Returns the other roots.
    pub(crate) fn others(&self) -> impl Iterator<Item = Table<L4, Live>> {
        self.others.iter().map(|&(pfn, mfn)| Table::from_walk(pfn, mfn))
    }

    /// Returns the machine frame of one of the other roots.
    pub(crate) fn machine_frame(&self, page: Pfn) -> Option<Mfn> {
        self.others.iter().find(|root| root.0 == page).map(|root| root.1)
    }

    /// Records that the processor switched from the first root to another, which replaces it.
    pub(crate) fn replace_first(&mut self, root: &Table<L4, Live>) {
        self.first = (root.pfn(), root.mfn());
        self.current = root.pfn();
    }

    /// Returns the page of the one the processor uses.
    pub(crate) const fn current(&self) -> Pfn {
        self.current
    }

    pub(crate) const fn set_current(&mut self, page: Pfn) {
        self.current = page;
    }

    /// Makes room for one more.
    ///
    /// # Errors
    /// [`MmuError::HeapFull`] when the list cannot grow.
    pub(crate) fn reserve(&mut self) -> Result<(), MmuError> {
        self.others.try_reserve(1).map_err(|_| MmuError::HeapFull { doing: Operation::AddressSpace })
    }

    /// Adds one more, after [`Roots::reserve`].
    pub(crate) fn add(&mut self, root: &Table<L4, Live>) {
        self.others.push((root.pfn(), root.mfn()));
    }

    /// Removes one, which leaves room for one more.
    pub(crate) fn remove(&mut self, page: Pfn) {
        self.others.retain(|root| root.0 != page);
    }
}
