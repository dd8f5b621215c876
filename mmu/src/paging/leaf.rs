//! The entry that maps a page, bound to the right to map it so.
//!
//! *What this is*: what the pages of a module are mapped with. A writable leaf needs the frame as [`Data`], an executable one needs it
//! [`Sealed`]; so no frame can be a table or code and writable memory at once.
//!
//! *What must hold*: a leaf borrows its frame and cannot be copied, so it cannot be kept until the frame is something
//! else; what a table has taken in is counted in the frame.
//!
//! *What is not prevented*: making a leaf and not using it. The frame then counts a mapping that is not there and stays
//! data for ever.

use core::marker::PhantomData;

use p2m::{Data, Frame, Sealed};

use crate::paging::{
    entry::{Access, Entry},
    level::L1,
};

/// An L1 entry that maps a frame, as long as the frame is borrowed.
#[derive(Debug)]
pub(crate) struct Leaf<'f> {
    entry: Entry<L1>,
    frame: PhantomData<&'f ()>,
}

impl<'f> Leaf<'f> {
    /// Maps a page for reading and writing.
    #[must_use]
    pub(crate) fn writable(frame: &'f mut Frame<Data>) -> Self {
        frame.count_mapping();
        Self::new(frame, Access::ReadWrite)
    }

    /// Maps a page for reading.
    #[must_use]
    pub(crate) fn read_only<S>(frame: &'f Frame<S>) -> Self {
        Self::new(frame, Access::Read)
    }

    /// Maps a page that nobody can write for reading and executing.
    #[must_use]
    pub(crate) fn executable(frame: &'f Frame<Sealed>) -> Self {
        Self::new(frame, Access::Execute)
    }

    fn new<S>(frame: &'f Frame<S>, access: Access) -> Self {
        Self { entry: Entry::leaf(frame.mfn(), access), frame: PhantomData }
    }

    pub(crate) const fn entry(&self) -> Entry<L1> {
        self.entry
    }
}
