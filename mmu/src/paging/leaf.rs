//! The entry that maps a page of a module, by what its frame may be.
//!
//! *What this is*: a writable entry needs the frame as [`Data`], an executable one needs it [`Sealed`]; so no frame can
//! be code and writable memory at once. Writable mappings are counted in the frame, and it is not free before the count
//! is zero.
//!
//! *What is not prevented*: the machine frame of another page: the live tables are asked right before. An entry is a
//! value. Who makes one enters it once, before the frame gets another role: `module/place.rs` alone does.

use p2m::{Data, Frame, Sealed};
use start_info::Mfn;

use crate::paging::{
    entry::{Access, Entry},
    level::L1,
};

impl Entry<L1> {
    /// Maps a page for reading and writing.
    #[must_use]
    pub(crate) fn writable(frame: &mut Frame<Data>, mfn: Mfn) -> Self {
        frame.count_mapping();
        Self::leaf(mfn, Access::ReadWrite)
    }

    /// Maps a page that nobody can write for reading.
    #[must_use]
    pub(crate) fn constant(_: &Frame<Sealed>, mfn: Mfn) -> Self {
        Self::leaf(mfn, Access::Read)
    }

    /// Maps a page that nobody can write for reading and executing.
    #[must_use]
    pub(crate) fn executable(_: &Frame<Sealed>, mfn: Mfn) -> Self {
        Self::leaf(mfn, Access::Execute)
    }
}
