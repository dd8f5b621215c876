//! A table that leads to an address: found live, or new.
//!
//! *What this is*: the parts of an [`AddressSpaceBuilder`](crate::space::address_space_builder::AddressSpaceBuilder):
//! one rung for each level, and the top they hang on. An entry of a new table is stored; an entry of a live one is
//! requested from Xen.
//!
//! *What must hold*: a rung that was found live stays hooked where it was found until the builder moves on.

use start_info::Index;
use x86_64::VirtAddr;

use crate::{
    error::MmuError,
    hv::Machine,
    paging::{
        batch::Batch,
        entry::Entry,
        level::{Inner, L3, L4, Level},
        table::{Draft, Frozen, Live, Table},
    },
    space::{live_tables::LiveTables, table_source::TableSource},
};

/// What the highest rungs hang on.
pub(crate) trait Top {
    /// Returns the live L3 table of an address, if there is one.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when no linear map covers the top-level table.
    fn l3<M: Machine>(
        &self,
        machine: &M,
        view: &LiveTables,
        address: VirtAddr,
    ) -> Result<Option<Table<L3, Live>>, MmuError>;

    /// Hooks a new L3 table.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when a full batch is sent.
    fn lead_to<M: Machine>(
        &mut self,
        machine: &mut M,
        batch: &mut Batch,
        view: &LiveTables,
        index: Index,
        l3: Table<L3, Frozen>,
    ) -> Result<(), MmuError>;
}

/// Every top-level table that is live.
#[derive(Debug)]
pub(crate) struct LiveTop;

impl Top for LiveTop {
    fn l3<M: Machine>(
        &self,
        machine: &M,
        view: &LiveTables,
        address: VirtAddr,
    ) -> Result<Option<Table<L3, Live>>, MmuError> {
        view.l3(machine, address)
    }

    fn lead_to<M: Machine>(
        &mut self,
        machine: &mut M,
        batch: &mut Batch,
        view: &LiveTables,
        index: Index,
        l3: Table<L3, Frozen>,
    ) -> Result<(), MmuError> {
        view.attach_everywhere(machine, batch, index, l3)
    }
}

impl Top for Table<L4, Draft> {
    fn l3<M: Machine>(
        &self,
        _machine: &M,
        _view: &LiveTables,
        _address: VirtAddr,
    ) -> Result<Option<Table<L3, Live>>, MmuError> {
        Ok(None)
    }

    fn lead_to<M: Machine>(
        &mut self,
        machine: &mut M,
        _batch: &mut Batch,
        _view: &LiveTables,
        index: Index,
        l3: Table<L3, Frozen>,
    ) -> Result<(), MmuError> {
        self.link(machine, index, l3);
        Ok(())
    }
}

/// A table that leads to the last address.
#[derive(Debug)]
pub(super) enum Rung<L> {
    New(Table<L, Draft>),
    Live(Table<L, Live>),
}

impl<L: Level> Rung<L> {
    /// Takes the live table, or makes an empty one.
    pub(super) fn found_or_new<M: Machine>(
        live: Option<Table<L, Live>>,
        machine: &mut M,
        source: &mut impl TableSource<M>,
    ) -> Result<Self, MmuError> {
        match live {
            Some(table) => Ok(Self::Live(table)),
            None => Ok(Self::New(Table::empty(source.take_table(machine)?, machine))),
        }
    }

    /// Freezes the table if it is new; a live one is already hooked.
    pub(super) fn close<M: Machine>(
        self,
        machine: &mut M,
        batch: &mut Batch,
        view: &LiveTables,
    ) -> Result<Option<Table<L, Frozen>>, MmuError> {
        match self {
            Self::New(table) => table.freeze(machine, batch, view).map(Some),
            Self::Live(_) => Ok(None),
        }
    }

    pub(super) fn put<M: Machine>(
        &mut self,
        machine: &mut M,
        batch: &mut Batch,
        index: Index,
        entry: Entry<L>,
    ) -> Result<(), MmuError> {
        match self {
            Self::New(table) => {
                table.put(machine, index, entry);
                Ok(())
            }
            Self::Live(table) => table.update(machine, batch, index, entry),
        }
    }
}

impl<L: Inner> Rung<L> {
    /// Returns the live table below an entry, if there is one.
    pub(super) fn below<M: Machine>(
        &self,
        machine: &M,
        view: &LiveTables,
        index: Index,
    ) -> Result<Option<Table<L::Below, Live>>, MmuError> {
        match self {
            Self::New(_) => Ok(None),
            Self::Live(table) => view.below(machine, table, index),
        }
    }

    pub(super) fn lead_to<M: Machine>(
        &mut self,
        machine: &mut M,
        batch: &mut Batch,
        index: Index,
        child: Table<L::Below, Frozen>,
    ) -> Result<(), MmuError> {
        match self {
            Self::New(table) => table.link(machine, index, child),
            Self::Live(table) => {
                table.attach(machine, batch, index, child)?;
            }
        }
        Ok(())
    }
}
