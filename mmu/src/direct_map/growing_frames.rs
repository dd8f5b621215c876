//! The direct map as a source of frames.
//!
//! *What this is*: the direct map together with the P2M it needs to grow, so that whoever takes a frame need not know
//! whether it was mapped before (`map=eager`) or is mapped now (`map=lazy`).

use p2m::{Frame, FrameSource, Translate};

use crate::{
    direct_map::DirectMap,
    error::MmuError,
    hv::Machine,
    space::{live_tables::LiveTables, table_source::TableSource},
};

/// A direct map that grows by the entries of `p2m` when its frames run out.
#[derive(Debug)]
pub struct GrowingFrames<'a, T> {
    /// The direct map.
    pub map: &'a mut DirectMap,
    /// The P2M that knows the frames to be mapped.
    pub p2m: &'a T,
}

impl<M: Machine, T: Translate> FrameSource<M> for GrowingFrames<'_, T> {
    type Error = MmuError;

    fn take(&mut self, machine: &mut M) -> Result<Frame, MmuError> {
        self.map.take(machine, self.p2m)
    }
}

impl<M: Machine, T: Translate> TableSource<M> for GrowingFrames<'_, T> {
    fn take_table(&mut self, machine: &mut M) -> Result<Frame, MmuError> {
        self.map.take(machine, self.p2m)
    }

    fn give_table(&mut self, machine: &mut M, frame: Frame) {
        self.map.give(machine, frame);
    }

    fn view(&self) -> &LiveTables {
        self.map.view()
    }
}
