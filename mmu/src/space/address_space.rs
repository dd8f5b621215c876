//! A further address space that shares all there is with the first.
//!
//! *What this is*: a top-level table of its own whose entries lead to the same tables as the first one's. An entry added
//! later to either half appears in every space, because top-level entries are hooked everywhere at once
//! (`View::attach_everywhere`). The source document is the EFI thread of 2012: a mapping beyond 512 GiB was there in one
//! top-level table and absent from the one that firmware ran on.
//!
//! *What must hold*: the space in use is not retired. Which one that is, the view knows.
//!
//! *What is not prevented*: dropping an [`AddressSpace`]. Its table stays pinned and goes on being kept in step.

use p2m::Translate;
use start_info::{Index, Mfn, Pfn};

use crate::{
    direct_map::DirectMap,
    error::{Doing, Error},
    hv::{ExtOp, Machine},
    layout::is_xen_slot,
    paging::{
        batch::Batch,
        level::L4,
        table::{Draft, Live, Table},
    },
};

/// An address space besides the first. It is named by the page of its top-level table, which a guest that is saved and restored keeps.
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
    /// [`Error::NoFrames`] when there is no frame for the table, [`Error::Refused`] when Xen refuses it,
    /// [`Error::HeapFull`] when it cannot be kept in mind.
    pub fn new_space<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
    ) -> Result<AddressSpace, Error> {
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
        let mut batch = Batch::new(Doing::AddressSpace);
        let frozen = draft.freeze(machine, &mut batch, self.view())?;
        let pinned = batch.commit(machine).and_then(|unflushed| {
            unflushed.waive("a frozen table is not written again");
            let pin = ExtOp::pin_l4(frozen.mfn());
            machine.mmuext_op(&[pin]).map_err(|stopped| Error::refused(Doing::AddressSpace, stopped))
        });
        if let Err(error) = pinned {
            // Xen did not type the page; a second refusal in a row would lose it.
            let frame = frozen.thaw(machine, self.view()).map_err(|(_, second)| second)?;
            self.give(machine, frame);
            return Err(error);
        }
        let root = frozen.hooked();
        self.view_mut().roots_mut().add(&root);
        Ok(AddressSpace { page: root.pfn() })
    }

    /// Makes the processor use an address space; `None` is the first one.
    ///
    /// # Errors
    /// [`Error::NoMemory`] for a space of another guest, [`Error::Refused`] when Xen refuses.
    pub fn enter_space<M: Machine>(
        &mut self,
        machine: &mut M,
        space: Option<&AddressSpace>,
    ) -> Result<(), Error> {
        let (page, root) = match space {
            Some(space) => (space.page, self.machine_frame(space)?),
            None => self.view().root_frame(),
        };
        machine
            .mmuext_op(&[ExtOp::new_base(root)])
            .map_err(|stopped| Error::refused(Doing::Switch, stopped))?;
        self.view_mut().roots_mut().set_current(page);
        Ok(())
    }

    fn machine_frame(&self, space: &AddressSpace) -> Result<Mfn, Error> {
        self.view().roots().machine_frame(space.page).ok_or(Error::NoMemory { pfn: space.page })
    }

    /// Ends an address space and takes its table back.
    ///
    /// # Errors
    /// Gives the space back with [`Error::SpaceInUse`] while the processor uses it, and with [`Error::Refused`] when Xen
    /// refuses. [`Error::SpaceLost`] when Xen then refuses to take it back as it was: it must not be entered again.
    pub fn retire_space<M: Machine>(
        &mut self,
        machine: &mut M,
        space: AddressSpace,
    ) -> Result<(), (Option<AddressSpace>, Error)> {
        let root = match self.machine_frame(&space) {
            Ok(root) => root,
            Err(error) => return Err((Some(space), error)),
        };
        if self.view().roots().current() == space.page {
            return Err((Some(space), Error::SpaceInUse { root }));
        }
        if let Err(stopped) = machine.mmuext_op(&[ExtOp::unpin(root)]) {
            return Err((Some(space), Error::refused(Doing::Release, stopped)));
        }
        self.view_mut().roots_mut().remove(space.page);
        match Table::<L4, Live>::found(space.page, root).let_go().thaw(machine, self.view()) {
            Ok(frame) => {
                self.give(machine, frame);
                Ok(())
            }
            Err((frozen, error)) => {
                // Back to where it was: a space that is not kept in step must not be left to be used.
                let pinned = machine.mmuext_op(&[ExtOp::pin_l4(root)]).is_ok();
                if pinned {
                    self.view_mut().roots_mut().add(&frozen.hooked());
                    return Err((Some(space), error));
                }
                Err((None, Error::SpaceLost { root }))
            }
        }
    }
}
