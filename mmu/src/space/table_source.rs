//! Where the frames of new tables come from.
//!
//! *What this is*: building tables needs a frame for each, and the linear maps through which a table is found and
//! sealed. A source has both. It may grow the direct map, and with [`Noted`] each frame is noted before it becomes a
//! table.

use p2m::{Frame, Memory};
use start_info::Pfn;

use crate::{
    error::{MmuError, Operation},
    hv::Machine,
    space::live_tables::LiveTables,
};

/// Something that frames for tables are taken from.
pub(crate) trait TableSource<M> {
    /// Takes a frame for a table; its contents are undefined.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when none is free, and when mapping more memory failed.
    fn take_table(&mut self, machine: &mut M) -> Result<Frame, MmuError>;

    /// Takes a frame back that became no table.
    fn give_table(&mut self, machine: &mut M, frame: Frame);

    /// Returns the live address space.
    fn view(&self) -> &LiveTables;
}

/// Something that remembers which frames became tables.
pub(crate) trait Note {
    /// Takes note of a frame; `false` when there is no room.
    fn note(&mut self, memory: &mut impl Memory, pfn: Pfn) -> bool;
}

impl<N: Note> Note for Option<&mut N> {
    fn note(&mut self, memory: &mut impl Memory, pfn: Pfn) -> bool {
        self.as_mut().is_none_or(|note| note.note(memory, pfn))
    }
}

/// A source whose frames are noted.
#[derive(Debug)]
pub(crate) struct Noted<S, N> {
    pub(crate) source: S,
    pub(crate) note: N,
    pub(crate) doing: Operation,
}

impl<M: Machine, S: TableSource<M>, N: Note> TableSource<M> for Noted<S, N> {
    fn take_table(&mut self, machine: &mut M) -> Result<Frame, MmuError> {
        let frame = self.source.take_table(machine)?;
        if self.note.note(machine, frame.pfn()) {
            return Ok(frame);
        }
        self.source.give_table(machine, frame);
        Err(MmuError::HeapFull { doing: self.doing })
    }

    fn give_table(&mut self, machine: &mut M, frame: Frame) {
        self.source.give_table(machine, frame);
    }

    fn view(&self) -> &LiveTables {
        self.source.view()
    }
}
