//! A page table, and who may write it.
//!
//! *What this is*: Xen lets a frame be writable memory or a page table, never both. A [`Draft`] owns its frame and is
//! written with plain stores; freezing gives up the writable mapping; a live table is changed by Xen only, on request.
//! The way back is to detach it, then to make it writable.
//!
//! *What must hold*: a table is frozen before it is linked, and is live before anything but Xen changes it. `freeze.rs`
//! freezes. A frozen or live table knows its machine frame and is used only within one call: none is held across a
//! suspend (`docs/decisions/0022-what-a-resume-renews.md`). To keep a table, keep its page; only `space/roots.rs` keeps
//! machine frames.

use core::marker::PhantomData;

use p2m::{Frame, Memory, Sealed};
use start_info::{ENTRIES, Index, Mfn, Pfn};

use crate::{
    error::MmuError,
    hv::{Machine, Update},
    paging::{
        batch::Batch,
        entry::Entry,
        level::{Inner, L3, L4, Level},
        target::Target,
    },
};

/// A table that Xen does not know of.
#[derive(Debug)]
pub(crate) struct Draft(Frame);

/// A table that nobody can write and no live table leads to yet.
#[derive(Debug)]
pub(crate) struct Frozen(Pfn, Mfn);

/// A table that Xen has accepted as one.
#[derive(Debug)]
pub(crate) struct Live(Pfn, Mfn);

/// A page table of level `L` in state `S`.
#[derive(Debug)]
pub(crate) struct Table<L, S> {
    state: S,
    level: PhantomData<L>,
}

impl<L, S> Table<L, S> {
    const fn new(state: S) -> Self {
        Self { state, level: PhantomData }
    }
}

impl<L: Level> Table<L, Draft> {
    /// Makes a frame an empty table.
    pub(crate) fn empty(mut frame: Frame, memory: &mut impl Memory) -> Self {
        memory.fill(&mut frame, 0);
        Self::new(Draft(frame))
    }

    /// Makes a frame a table with these entries from the first index on; the rest is empty.
    pub(crate) fn filled<M: Memory>(
        mut frame: Frame,
        memory: &mut M,
        entries: impl Iterator<Item = Entry<L>>,
    ) -> Self {
        let mut words = [0; ENTRIES as usize];
        for (word, entry) in words.iter_mut().zip(entries) {
            *word = entry.raw();
        }
        memory.store_words(&mut frame, &words);
        Self::new(Draft(frame))
    }

    /// Returns the frame, for the table to become something else.
    pub(crate) fn into_frame(self) -> Frame {
        self.state.0
    }

    pub(crate) fn put(&mut self, memory: &mut impl Memory, index: Index, entry: Entry<L>) {
        self.state.0.set(memory, index, entry.raw());
    }
}

impl<L: Inner> Table<L, Draft> {
    /// Leads to a table of the level below, which then belongs to this one.
    pub(crate) fn link(&mut self, memory: &mut impl Memory, index: Index, child: Table<L::Below, Frozen>) {
        self.put(memory, index, Entry::link(&child));
    }

    /// Leads to a live table that other tables lead to as well. Nothing below it can be executed through this entry:
    /// only memory and the builder's list are shared, and the builder maps everything executable.
    pub(crate) fn share(&mut self, memory: &mut impl Memory, index: Index, child: &Table<L::Below, Live>) {
        self.put(memory, index, Entry::link(child).without_execution());
    }
}

impl Table<L4, Draft> {
    /// Leads to a live table, executable if the entry of another top-level table is.
    pub(crate) fn share_as(
        &mut self,
        memory: &mut impl Memory,
        index: Index,
        child: &Table<L3, Live>,
        like: Entry<L4>,
    ) {
        let entry = Entry::link(child);
        self.put(memory, index, if like.is_executable() { entry } else { entry.without_execution() });
    }
}

impl<L: Level> Target<L> for Table<L, Frozen> {
    fn target(&self) -> Mfn {
        self.mfn()
    }
}

impl<L: Level> Target<L> for Table<L, Live> {
    fn target(&self) -> Mfn {
        self.mfn()
    }
}

impl<L: Level> Table<L, Frozen> {
    /// Records that nobody can write the table any more; its machine frame is `mfn`, by the live tables.
    pub(crate) const fn of_sealed(frame: &Frame<Sealed>, mfn: Mfn) -> Self {
        Self::new(Frozen(frame.pfn(), mfn))
    }

    /// Returns the table's page.
    pub(crate) const fn pfn(&self) -> Pfn {
        self.state.0
    }

    /// Returns the table's machine frame.
    pub(crate) const fn mfn(&self) -> Mfn {
        self.state.1
    }

    /// Records that Xen has typed the table: a live table leads to it, or it is pinned.
    pub(crate) const fn into_live(self) -> Table<L, Live> {
        let Frozen(pfn, mfn) = self.state;
        Table::new(Live(pfn, mfn))
    }
}

impl<L: Level> Table<L, Live> {
    /// Names a table that was found by walking from a live root.
    pub(crate) const fn from_walk(pfn: Pfn, mfn: Mfn) -> Self {
        Self::new(Live(pfn, mfn))
    }

    /// Returns the table's page.
    pub(crate) const fn pfn(&self) -> Pfn {
        self.state.0
    }

    /// Returns the table's machine frame.
    pub(crate) const fn mfn(&self) -> Mfn {
        self.state.1
    }

    /// Records that nothing leads to the table any more, and that it is not pinned.
    pub(crate) fn into_frozen(self) -> Table<L, Frozen> {
        Table::new(Frozen(self.state.0, self.state.1))
    }

    /// Asks Xen to change an entry.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    pub(crate) fn update(
        &mut self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        index: Index,
        entry: Entry<L>,
    ) -> Result<(), MmuError> {
        batch.push(machine, Update::new(self.mfn().maddr().entry(index), entry))
    }
}

impl<L: Inner> Table<L, Live> {
    /// Hooks a frozen table under this live one, through the batch. Xen then checks and types it.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    pub(crate) fn attach(
        &mut self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        index: Index,
        child: Table<L::Below, Frozen>,
    ) -> Result<Table<L::Below, Live>, MmuError> {
        self.update(machine, batch, index, Entry::link(&child))?;
        Ok(child.into_live())
    }

    /// Unhooks a table from this one, through the batch. Nothing else may lead to it.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    pub(crate) fn detach(
        &mut self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        index: Index,
        child: Table<L::Below, Live>,
    ) -> Result<Table<L::Below, Frozen>, MmuError> {
        self.update(machine, batch, index, Entry::EMPTY)?;
        Ok(child.into_frozen())
    }
}
