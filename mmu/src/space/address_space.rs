//! A further address space that shares all mappings with the first.
//!
//! *What this is*: a top-level table of its own whose entries lead to the same tables as the first one's. An entry
//! added later to either half appears in every space, because top-level entries are hooked everywhere at once
//! (`LiveTables::attach_everywhere`). The reason is the EFI thread of 2012: a mapping above 512 GiB was present in one
//! top-level table and missing from the one that firmware ran on.
//!
//! *What must hold*: the space in use is not retired. `LiveTables` knows which one that is.
//!
//! *What is not prevented*: dropping an [`AddressSpace`]. Its table stays pinned, and new entries still go into it.

use p2m::Translate;
use start_info::{Index, Mfn, Pfn};

use crate::{
    direct_map::DirectMap,
    error::{MmuError, Operation},
    hv::{ExtOp, Machine},
    layout::is_xen_slot,
    paging::{
        batch::Batch,
        level::L4,
        table::{Draft, Live, Table},
    },
};

/// An address space besides the first. It is named by the page of its top-level table, which stays the same when a
/// guest is saved and restored.
#[derive(Debug)]
pub struct AddressSpace {
    page: Pfn,
}

impl AddressSpace {
    /// Returns the page of the top-level table.
    #[must_use]
    pub const fn page(&self) -> Pfn {
        self.page
    }
}

impl DirectMap {
    /// Makes an address space with every mapping there is.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for the table, [`MmuError::Refused`] when Xen refuses it,
    /// [`MmuError::HeapFull`] when the heap has no room for it.
    pub fn new_space<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
    ) -> Result<AddressSpace, MmuError> {
        self.view_mut().roots_mut().reserve()?;
        let frame = self.take(machine, p2m)?;
        let mut draft = Table::<L4, Draft>::empty(frame, machine);
        let first = self.view().root();
        for slot in Index::all().filter(|&slot| !is_xen_slot(slot)) {
            let entry = self.view().read(machine, &first, slot)?;
            if let Some(l3) = self.view().below(machine, &first, slot)? {
                draft.share_as(machine, slot, &l3, entry);
            }
        }
        let mut batch = Batch::new(Operation::AddressSpace);
        let frozen = draft.freeze(machine, &mut batch, self.view())?;
        let pinned = batch.commit(machine).and_then(|unflushed| {
            unflushed.waive("a frozen table is not written again");
            let pin = ExtOp::pin_l4(frozen.mfn());
            machine.mmuext_op(&[pin]).map_err(|stopped| MmuError::refused(Operation::AddressSpace, stopped))
        });
        if let Err(error) = pinned {
            // Xen did not type the page; if it now refuses again, the page is lost.
            let frame = frozen.make_writable(machine, self.view()).map_err(|(_, second)| second)?;
            self.give(machine, frame);
            return Err(error);
        }
        let root = frozen.into_live();
        self.view_mut().roots_mut().add(&root);
        Ok(AddressSpace { page: root.pfn() })
    }

    /// Makes the processor use an address space; `None` is the first one.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] for a space of another guest, [`MmuError::Refused`] when Xen refuses.
    pub fn enter_space<M: Machine>(
        &mut self,
        machine: &mut M,
        space: Option<&AddressSpace>,
    ) -> Result<(), MmuError> {
        let (page, root) = match space {
            Some(space) => (space.page, self.machine_frame(space)?),
            None => self.view().root_frame(),
        };
        machine
            .mmuext_op(&[ExtOp::new_base(root)])
            .map_err(|stopped| MmuError::refused(Operation::Switch, stopped))?;
        self.view_mut().roots_mut().set_current(page);
        Ok(())
    }

    fn machine_frame(&self, space: &AddressSpace) -> Result<Mfn, MmuError> {
        self.view().roots().machine_frame(space.page).ok_or(MmuError::NoMemory { pfn: space.page })
    }

    /// Ends an address space and takes its table back.
    ///
    /// # Errors
    /// Gives the space back with [`MmuError::SpaceInUse`] while the processor uses it, and with [`MmuError::Refused`]
    /// when Xen refuses. [`MmuError::SpaceLost`] when Xen then refuses to pin it again: it must not be entered any
    /// more.
    pub fn retire_space<M: Machine>(
        &mut self,
        machine: &mut M,
        space: AddressSpace,
    ) -> Result<(), (Option<AddressSpace>, MmuError)> {
        let root = match self.machine_frame(&space) {
            Ok(root) => root,
            Err(error) => return Err((Some(space), error)),
        };
        if self.view().roots().current() == space.page {
            return Err((Some(space), MmuError::SpaceInUse { root }));
        }
        if let Err(stopped) = machine.mmuext_op(&[ExtOp::unpin(root)]) {
            return Err((Some(space), MmuError::refused(Operation::Release, stopped)));
        }
        self.view_mut().roots_mut().remove(space.page);
        match Table::<L4, Live>::from_walk(space.page, root).into_frozen().make_writable(machine, self.view())
        {
            Ok(frame) => {
                self.give(machine, frame);
                Ok(())
            }
            Err((frozen, error)) => {
                // Restore it: a space that gets no new entries must not stay usable.
                let pinned = machine.mmuext_op(&[ExtOp::pin_l4(root)]).is_ok();
                if pinned {
                    self.view_mut().roots_mut().add(&frozen.into_live());
                    return Err((Some(space), error));
                }
                Err((None, MmuError::SpaceLost { root }))
            }
        }
    }
}
