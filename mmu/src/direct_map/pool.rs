//! The direct map as a source of frames.
//!
//! *What this is*: the direct map together with the P2M it needs to grow, so that who takes a frame need not know whether
//! it was mapped already (`map=eager`) or is mapped now (`map=lazy`).

use p2m::{Frame, FrameSource, Translate};

use crate::{
    direct_map::DirectMap,
    error::Error,
    hv::Machine,
    space::{table_source::TableSource, view::View},
};

/// A direct map that grows by the entries of `p2m` when its frames run out.
#[derive(Debug)]
pub struct Pool<'a, T> {
    /// The direct map.
    pub map: &'a mut DirectMap,
    /// The P2M that knows the frames to be mapped.
    pub p2m: &'a T,
}

impl<M: Machine, T: Translate> FrameSource<M> for Pool<'_, T> {
    type Error = Error;

    fn take(&mut self, machine: &mut M) -> Result<Frame, Error> {
        self.map.take(machine, self.p2m)
    }
}

impl<M: Machine, T: Translate> TableSource<M> for Pool<'_, T> {
    fn take_table(&mut self, machine: &mut M) -> Result<Frame, Error> {
        self.map.take(machine, self.p2m)
    }

    fn give_table(&mut self, machine: &mut M, frame: Frame) {
        self.map.give(machine, frame);
    }

    fn view(&self) -> &View {
        self.map.view()
    }
}
