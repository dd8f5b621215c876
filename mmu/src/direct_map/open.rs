//! Tables for addresses outside the direct map.
//!
//! *What this is*: the tables that lead to an address of device memory or of the payload, made when it is first
//! needed. They stay.
//!
//! *What must hold*: no table is lost when the next cannot be had or Xen refuses one.
//!
//! *What is not prevented*: a second refusal, of the undo. The tables of that one address are lost then, and break
//! nothing.

use p2m::Translate;
use x86_64::VirtAddr;

use crate::{
    direct_map::{DirectMap, growing_frames::GrowingFrames},
    error::{MmuError, Operation},
    hv::Machine,
    paging::{
        batch::Batch,
        level::L1,
        table::{Live, Table},
    },
    space::{
        address_space_builder::AddressSpaceBuilder,
        table_note::{TableNote, Tables},
        table_source::Noted,
    },
};

impl DirectMap {
    /// Returns the live L1 table that covers an address, making it and the tables above it if needed.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn open_l1<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        address: VirtAddr,
        doing: Operation,
    ) -> Result<Table<L1, Live>, MmuError> {
        if let Some(l1) = self.view.l1(machine, address)? {
            return Ok(l1);
        }
        let source = GrowingFrames { map: self, p2m };
        let mut source = Noted { source, note: Tables::new(), doing };
        let mut space_builder = AddressSpaceBuilder::live(Batch::new(doing));
        let opened = space_builder
            .open(machine, &mut source, address)
            .and_then(|()| space_builder.finish(machine, source.source.map.view()))
            .map(|unflushed| unflushed.waive("the entry was empty, and a frozen table is not written again"));
        let mut tables = source.note;
        if let Err(error) = opened {
            let Self { view, frames, .. } = self;
            // The caller gets the reason why there are no tables, not this result.
            let _lost = tables.undo(machine, view, doing, core::iter::once(address)).and_then(|()| {
                tables.reclaim(machine, view, |machine, frame| frames.give_frame(machine, frame))
            });
            return Err(error);
        }
        self.view.l1(machine, address)?.ok_or(MmuError::NotMapped { address: address.as_u64(), level: 1 })
    }
}
