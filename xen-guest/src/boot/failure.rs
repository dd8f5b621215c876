//! Why a boot ended, in one line.

use mmu::Errno;
use p2m::{Conflict, Mismatch};

use crate::{
    boot::{demands::Missing, stage::Stage},
    platform::NoMap,
};

/// Why a boot ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {cause}")]
pub struct Failure {
    stage: Stage,
    cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// start_info was refused.
    #[error(transparent)]
    StartInfo(#[from] start_info::StartInfoError),
    /// The P2M and Xen's M2P disagree.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// Page tables or the P2M could not be built.
    #[error(transparent)]
    Mmu(#[from] mmu::MmuError),
    /// A memory map that must exist is missing.
    #[error(transparent)]
    NoMap(#[from] NoMap),
    /// Something in use lies where the machine has no RAM.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The boot was run before: memory has an owner already.
    #[error("the boot has run before; call it once")]
    Again,
    /// The processor or Xen lacks something this layer requires.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Xen refused the trap table.
    #[error("Xen refused the trap table with {0}")]
    Traps(Errno),
    /// Xen refused the callbacks for events, or to stop its periodic timer.
    #[error("Xen refused to set up events with {0}")]
    Events(Errno),
    /// The image has a relocation that cannot be applied.
    #[error(
        "the image has a relocation of type {kind}, and only type 8 (R_X86_64_RELATIVE) is applied; link the kernel as a \
         static PIE, as rustc does for x86_64-unknown-none, without indirect functions (type 37)"
    )]
    Relocation {
        /// The `R_X86_64_…` number.
        kind: u32,
    },
}

impl Failure {
    /// Names the stage in which something went wrong.
    pub(crate) fn new(stage: Stage, cause: impl Into<Cause>) -> Self {
        Self { stage, cause: cause.into() }
    }

    /// Returns the stage.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns what went wrong.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl From<p2m::P2mError> for Cause {
    fn from(error: p2m::P2mError) -> Self {
        Self::Mmu(error.into())
    }
}
