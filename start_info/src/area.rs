//! Runs of pages that a field of start_info claims.
//!
//! *What this is*: a name for each such run, so that a [`StartInfoError`] can say whose pages are wrong, and the one
//! check for all of them: each must lie entirely in the room the domain builder had for it.
//!
//! *What must hold*: rooms do not overlap, so only runs in the same room can meet: a ramdisk and a list, which
//! `ramdisk` compares.

use core::fmt;

use crate::{PageCount, Pfn, PfnRange, StartInfoError};

/// What the pages are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// A ramdisk in the boot mapping.
    MappedRamdisk,
    /// A ramdisk after the boot mapping.
    UnmappedRamdisk,
    /// A list of machine frames in the boot mapping.
    P2mList,
    /// A list of machine frames at an address of its own, and its tables.
    P2mFrames,
}

impl Area {
    /// Returns the run of `pages` from `start`, if it lies in `room`. Takes plain numbers, because a field can hold any
    /// value.
    pub(crate) fn within(self, start: u64, pages: u64, room: PfnRange) -> Result<PfnRange, StartInfoError> {
        let misplaced = StartInfoError::Misplaced { area: self, start, pages, room };
        let run = || PfnRange::try_new(Pfn::try_new(start)?, PageCount::try_new(pages)?);
        run().ok().filter(|run| run.start() >= room.start() && run.end() <= room.end()).ok_or(misplaced)
    }

    /// Returns what the room is, and what to do if the area does not fit.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::MappedRamdisk => "the room between the kernel and what follows it; check the ramdisk= file",
            Self::UnmappedRamdisk => {
                "the memory after the boot mapping; give the guest more memory or a smaller ramdisk"
            }
            Self::P2mList => {
                "the room between the kernel and start_info; check the kernel's linker symbols and VIRT_BASE"
            }
            Self::P2mFrames => "the memory after the boot mapping; give the guest more memory",
        }
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MappedRamdisk => "the mapped ramdisk",
            Self::UnmappedRamdisk => "the unmapped ramdisk",
            Self::P2mList => "the P2M list",
            Self::P2mFrames => "the P2M list with its tables",
        })
    }
}
