//! Takes away the right to write a page, and gives it back.
//!
//! *What this is*: a frame is sealed, and a table frozen, by making every mapping of it read-only; the way back makes
//! the direct map's mapping writable again and returns the frame. Every read-only page of the direct map was mapped so
//! or made so here, and becomes writable here. This is apart from `table.rs` because it must walk the live tables.
//!
//! *What must hold*: the change to read-only is in the batch before anything that could hook the table, and Xen carries
//! a batch out in order (see [`crate::paging::batch::Batch`]).
//!
//! *What is not prevented*: a second writable mapping that is not in the [`LiveTables`]. Xen refuses the hook then.

use p2m::{Frame, Sealed};
use start_info::{Maddr, Mfn, Pfn};
use x86_64::VirtAddr;

use crate::{
    error::{MmuError, Operation},
    hv::{Machine, Update, VaUpdate},
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        level::{L1, Level},
        table::{Draft, Frozen, Table},
    },
    space::live_tables::LiveTables,
};

impl<L: Level> Table<L, Draft> {
    /// Gives up every writable mapping of the table, through the batch.
    ///
    /// # Errors
    /// [`MmuError::NotMapped`] when a mapping that must exist does not, [`MmuError::Refused`] when a full batch is
    /// sent.
    pub(crate) fn freeze(
        self,
        machine: &mut impl Machine,
        batch: &mut Batch,
        view: &LiveTables,
    ) -> Result<Table<L, Frozen>, MmuError> {
        let (frame, mfn) = seal(machine, batch, view, self.into_frame())?;
        Ok(Table::of_sealed(&frame, mfn))
    }
}

impl<L: Level> Table<L, Frozen> {
    /// Makes the table an ordinary, writable page again.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses, which it does while any live table leads to this one.
    pub(crate) fn make_writable<M: Machine>(
        self,
        machine: &mut M,
        view: &LiveTables,
    ) -> Result<Frame, (Self, MmuError)> {
        match make_writable_at_once(machine, view, self.pfn()) {
            Ok(()) => reclaim(machine, view, self.pfn()).map_err(|error| (self, error)),
            Err(error) => Err((self, error)),
        }
    }
}

/// Takes away the writable mappings of a frame, through the batch; returns it with its machine frame.
///
/// # Errors
/// As [`seal_page`].
pub(crate) fn seal<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &LiveTables,
    frame: Frame,
) -> Result<(Frame<Sealed>, Mfn), MmuError> {
    let mfn = seal_page(machine, batch, view, frame.pfn())?;
    Ok((frame.into_sealed(view.authority()), mfn))
}

/// Takes away the writable mappings of a page, through the batch, for an owner that no longer writes it; returns its
/// machine frame.
///
/// # Errors
/// [`MmuError::NotMapped`] when a mapping that must exist does not, [`MmuError::NoMemory`] for a page that nothing
/// maps, [`MmuError::Refused`] when a full batch is sent.
pub(crate) fn seal_page<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &LiveTables,
    pfn: Pfn,
) -> Result<Mfn, MmuError> {
    let mut mfn = None;
    for address in view.aliases(pfn) {
        let (slot, entry) = view.leaf(machine, address)?;
        if entry.is_writable() {
            batch.push(machine, Update::new(slot, entry.read_only()))?;
        }
        mfn = entry.mfn().or(mfn);
    }
    mfn.ok_or(MmuError::NoMemory { pfn })
}

/// Makes a page that nothing else maps any more writable in the direct map again, through the batch; does nothing if it
/// is writable. Once that is committed and flushed, [`reclaim`] returns the frame.
///
/// # Errors
/// [`MmuError::NotMapped`] when the direct map has no table for it, [`MmuError::Refused`] when a full batch is sent.
pub(crate) fn make_writable<M: Machine>(
    machine: &mut M,
    batch: &mut Batch,
    view: &LiveTables,
    pfn: Pfn,
) -> Result<(), MmuError> {
    let (_, slot, entry) = direct(machine, view, pfn)?;
    match entry.mfn() {
        Some(mfn) if !entry.is_writable() => {
            batch.push(machine, Update::new(slot, Entry::leaf(mfn, Access::ReadWrite)))
        }
        _ => Ok(()),
    }
}

/// As [`make_writable`], for one page and with its flush; if Xen refuses, nothing is changed.
fn make_writable_at_once<M: Machine>(machine: &mut M, view: &LiveTables, pfn: Pfn) -> Result<(), MmuError> {
    let (address, _, entry) = direct(machine, view, pfn)?;
    let mfn = entry.mfn().ok_or(MmuError::NoMemory { pfn })?;
    machine
        .update_va_mapping(VaUpdate::new(address, Entry::leaf(mfn, Access::ReadWrite)))
        .map_err(|errno| MmuError::refused_call(Operation::Release, errno))
}

/// Takes ownership of a page that is writable in the direct map.
///
/// # Errors
/// [`MmuError::NoMemory`] when the direct map does not map it for writing.
pub(crate) fn reclaim<M: Machine>(machine: &M, view: &LiveTables, pfn: Pfn) -> Result<Frame, MmuError> {
    let (_, _, entry) = direct(machine, view, pfn)?;
    let frame = view.direct().reclaim(view.authority(), pfn).filter(|_| entry.is_writable());
    frame.ok_or(MmuError::NoMemory { pfn })
}

/// Returns the address of a page in the direct map, and the entry there with its machine address.
fn direct<M: Machine>(
    machine: &M,
    view: &LiveTables,
    pfn: Pfn,
) -> Result<(VirtAddr, Maddr, Entry<L1>), MmuError> {
    let address = view.direct().address(pfn).ok_or(MmuError::NoMemory { pfn })?;
    let (slot, entry) = view.leaf(machine, address)?;
    Ok((address, slot, entry))
}
