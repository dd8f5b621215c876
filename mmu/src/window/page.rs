//! A page that is mapped in a window, by what is done with it.
//!
//! *What must hold*: a page that is writable in the window is [`Data`], every other one is [`Sealed`], so it is
//! read-only in the direct map too. The state changes in these books before Xen is asked for less, and after Xen granted
//! more.

use p2m::{Data, Frame, Sealed};
use start_info::Pfn;

use crate::{
    error::MmuError,
    hv::Machine,
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        freeze::{reclaim, seal_page},
        level::L1,
    },
    space::live_tables::LiveTables,
};

/// A page that is mapped in a window.
#[derive(Debug)]
pub(super) enum WindowPage {
    Data(Frame<Data>),
    Constant(Frame<Sealed>),
    Text(Frame<Sealed>),
}

impl WindowPage {
    pub(super) fn of(frame: Frame, access: Access, view: &LiveTables) -> Self {
        match access {
            Access::ReadWrite => Self::Data(frame.into_data()),
            Access::Read => Self::Constant(frame.into_sealed(view.authority())),
            Access::Execute => Self::Text(frame.into_sealed(view.authority())),
        }
    }

    pub(super) const fn is_sealed(&self) -> bool {
        matches!(self, Self::Constant(_) | Self::Text(_))
    }

    pub(super) const fn pfn(&self) -> Pfn {
        match self {
            Self::Data(frame) => frame.pfn(),
            Self::Constant(frame) | Self::Text(frame) => frame.pfn(),
        }
    }

    /// Makes the page one that nobody writes any more, in our books: before its protection changes to that.
    pub(super) fn into_sealed(self, access: Access, view: &LiveTables) -> Self {
        let frame = match self {
            Self::Data(mut frame) => {
                // Its mapping here is the only one counted, and is about to be replaced.
                frame.discount_mapping(view.authority());
                match frame.into_free() {
                    Ok(frame) => frame.into_sealed(view.authority()),
                    Err(frame) => return Self::Data(frame),
                }
            }
            Self::Constant(frame) | Self::Text(frame) => frame,
        };
        if access == Access::Execute { Self::Text(frame) } else { Self::Constant(frame) }
    }

    /// Makes the page one that may be written, if the direct map maps it so again; otherwise it stays what it is.
    pub(super) fn into_data<M: Machine>(self, machine: &M, view: &LiveTables) -> Self {
        match self {
            Self::Data(mut frame) => {
                // It is counted anew when it is entered.
                frame.discount_mapping(view.authority());
                Self::Data(frame)
            }
            Self::Constant(_) | Self::Text(_) => match reclaim(machine, view, self.pfn()) {
                Ok(frame) => Self::Data(frame.into_data()),
                Err(_) => self,
            },
        }
    }

    /// Takes the page out, after it was unmapped and made writable.
    pub(super) fn into_free<M: Machine>(self, machine: &M, view: &LiveTables) -> Result<Frame, MmuError> {
        match self {
            Self::Data(mut frame) => {
                frame.discount_mapping(view.authority());
                frame.into_free().map_err(|frame| MmuError::NoMemory { pfn: frame.pfn() })
            }
            Self::Constant(frame) | Self::Text(frame) => reclaim(machine, view, frame.pfn()),
        }
    }

    /// Returns the entry that maps the page, after requesting the removal of its writable mapping if needed.
    pub(super) fn enter<M: Machine>(
        &mut self,
        machine: &mut M,
        batch: &mut Batch,
        view: &LiveTables,
    ) -> Result<Entry<L1>, MmuError> {
        match self {
            Self::Data(frame) => {
                let pfn = frame.pfn();
                let mfn = view.frame_of(machine, pfn)?;
                Ok(Entry::writable(frame, mfn))
            }
            Self::Constant(frame) => {
                let mfn = seal_page(machine, batch, view, frame.pfn())?;
                Ok(Entry::constant(frame, mfn))
            }
            Self::Text(frame) => {
                let mfn = seal_page(machine, batch, view, frame.pfn())?;
                Ok(Entry::executable(frame, mfn))
            }
        }
    }
}
