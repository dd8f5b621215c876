//! Taking the right to write away, and giving it back.
//!
//! *What this is*: a frame is sealed, and a table frozen, by making every mapping of it read-only; the way back makes the direct
//! map's writable again. It stands apart from `table.rs` because it has to walk the live tables.
//!
//! *What must hold*: the change to read-only is in the batch before anything that could hook the table, and Xen carries a batch
//! out in order (see [`crate::paging::batch::Batch`]).
//!
//! *What is not prevented*: a second writable mapping that is not in the [`View`]. Xen refuses the hook then.

use p2m::{Frame, Sealed};
use start_info::Pfn;

use crate::{
    error::Error,
    hv::{Machine, Update},
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        level::Level,
        table::{Draft, Frozen, Table},
    },
    space::view::View,
};

impl<L: Level> Table<L, Draft> {
    /// Gives up every writable mapping of the table, by way of the batch.
    ///
    /// # Errors
    /// [`Error::NotMapped`] when a mapping that must exist does not, [`Error::Refused`] when a full batch is sent.
    pub(crate) fn freeze(
        self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        view: &View,
    ) -> Result<Table<L, Frozen>, Error> {
        Ok(Table::of_sealed(&seal(machine, batch, view, self.into_frame())?))
    }
}

impl<L: Level> Table<L, Frozen> {
    /// Makes the table an ordinary, writable page again.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses, which it does while any live table leads to this one.
    pub(crate) fn thaw<M: Machine>(self, machine: &mut M, view: &View) -> Result<Frame, (Self, Error)> {
        match view.make_writable(machine, self.pfn(), self.mfn()) {
            Ok(frame) => Ok(frame),
            Err(error) => Err((self, error)),
        }
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
