//! The entry that maps a page in a window, by the state of its frame.
//!
//! *What this is*: a writable entry needs the frame as [`Data`], an executable one needs it [`Sealed`]; so no frame can
//! be code and writable memory at once. Writable mappings are counted in the frame, which is not freed until the count
//! is zero.
//!
//! *What is not prevented*: the machine frame of another page: the caller looks it up in the live tables right before.
//! Nor is an entry written twice or too late prevented, because it is a plain value. Only `window/page.rs` makes one,
//! and `window/mapping.rs` writes it once, before the frame gets another role.

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

    /// Maps a page that nobody can write, read-only.
    #[must_use]
    pub(crate) fn constant(_: &Frame<Sealed>, mfn: Mfn) -> Self {
        Self::leaf(mfn, Access::Read)
    }

    /// Maps a page that nobody can write, for reading and executing.
    #[must_use]
    pub(crate) fn executable(_: &Frame<Sealed>, mfn: Mfn) -> Self {
        Self::leaf(mfn, Access::Execute)
    }
}
