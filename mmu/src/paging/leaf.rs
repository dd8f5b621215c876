//! The entry that maps a page of a module, by what its frame may be.
//!
//! *What this is*: a writable entry needs the frame as [`Data`], an executable one needs it [`Sealed`]; so no frame can be code and
//! writable memory at once. Writable mappings are counted in the frame, and it is not free before the count is zero.
//!
//! *What is not prevented*: an entry is a value. Who makes one enters it once, before the frame gets another role: `module/place.rs` alone
//! does.

use p2m::{Data, Frame, Sealed};

use crate::paging::{
    entry::{Access, Entry},
    level::L1,
};

impl Entry<L1> {
    /// Maps a page for reading and writing.
    #[must_use]
    pub(crate) fn writable(frame: &mut Frame<Data>) -> Self {
        frame.count_mapping();
        Self::leaf(frame.mfn(), Access::ReadWrite)
    }

    /// Maps a page that nobody can write for reading.
    #[must_use]
    pub(crate) fn constant(frame: &Frame<Sealed>) -> Self {
        Self::leaf(frame.mfn(), Access::Read)
    }

    /// Maps a page that nobody can write for reading and executing.
    #[must_use]
    pub(crate) fn executable(frame: &Frame<Sealed>) -> Self {
        Self::leaf(frame.mfn(), Access::Execute)
    }
}
