//! The entry that maps a page, bound to the right to map it so.
//!
//! *What this is*: what a payload maps pages with. A writable leaf needs the frame as [`Data`], an executable one needs it
//! [`Sealed`]; so no frame can be a table or code and writable memory at once.
//!
//! *What must hold*: a leaf borrows its frame and cannot be copied, so it cannot be kept until the frame is something
//! else; what a table has taken in is counted in the frame.
//!
//! *What is not prevented*: making a leaf and not using it. The frame then counts a mapping that is not there and stays
//! data for ever.

use core::marker::PhantomData;

use p2m::{Data, Frame, Sealed};
use start_info::Pfn;

use crate::{
    batch::Batch,
    entry::{Access, Entry},
    error::Error,
    hv::{Machine, Update},
    level::L1,
    view::View,
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

/// Takes the writable mappings of a frame away, by way of the batch.
///
/// # Errors
/// [`Error::NotMapped`] when a mapping that must exist does not, [`Error::Refused`] when a full batch is sent.
pub(crate) fn seal<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &View,
    frame: Frame,
) -> Result<Frame<Sealed>, Error> {
    seal_page(machine, batch, view, frame.pfn())?;
    Ok(frame.into_sealed(view.authority()))
}

/// Takes the writable mappings of a page away, by way of the batch, for an owner who writes it no more.
///
/// # Errors
/// As [`seal`].
pub(crate) fn seal_page<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &View,
    pfn: Pfn,
) -> Result<(), Error> {
    for address in view.aliases(pfn) {
        let (slot, entry) = view.leaf(machine, address)?;
        if entry.is_writable() {
            batch.push(machine, Update::new(slot, entry.read_only()))?;
        }
    }
    Ok(())
}

/// Lets a page that nothing else maps any more be written through the direct map again, by way of the batch; nothing is
/// to be done where it can be. Once that is committed and flushed, [`thawed`] gives it.
///
/// # Errors
/// [`Error::NotMapped`] when the direct map has no table for it, [`Error::Refused`] when a full batch is sent.
pub(crate) fn unseal<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &View,
    pfn: Pfn,
) -> Result<(), Error> {
    let address = view.direct().address(pfn).ok_or(Error::NoMemory { pfn })?;
    let (slot, entry) = view.leaf(machine, address)?;
    match entry.mfn() {
        Some(mfn) if !entry.is_writable() => {
            batch.push(machine, Update::new(slot, Entry::leaf(mfn, Access::ReadWrite)))
        }
        _ => Ok(()),
    }
}

/// Owns a page anew that can be written through the direct map, after [`unseal`].
///
/// # Errors
/// [`Error::NoMemory`] when the direct map does not map it for writing.
pub(crate) fn thawed<M: Machine>(machine: &M, view: &View, pfn: Pfn) -> Result<Frame, Error> {
    let address = view.direct().address(pfn).ok_or(Error::NoMemory { pfn })?;
    let (_, entry) = view.leaf(machine, address)?;
    let mfn = entry.mfn().filter(|_| entry.is_writable()).ok_or(Error::NoMemory { pfn })?;
    view.direct().thawed(view.authority(), pfn, mfn).ok_or(Error::NoMemory { pfn })
}
