//! Why a boot ended, in one line.

use core::fmt;

use mmu::Errno;
use p2m::{Conflict, Mismatch};

use crate::{
    boot::{demands::Missing, stage::Stage},
    platform::NoMap,
};

/// Why a boot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    stage: Stage,
    cause: Cause,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// start_info was refused.
    StartInfo(start_info::Error),
    /// The P2M and Xen's M2P disagree.
    Mismatch(Mismatch),
    /// Page tables or the P2M could not be built.
    Mmu(mmu::Error),
    /// There is no memory map where there must be one.
    NoMap(NoMap),
    /// Something in use lies where the machine has no RAM.
    Conflict(Conflict),
    /// The boot was run before: memory has an owner already.
    Again,
    /// The processor or Xen lacks what the layer cannot do without.
    Missing(Missing),
    /// Xen refused the trap table.
    Traps(Errno),
}

impl Failure {
    /// Notes in which stage something went wrong.
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, cause } = self;
        match cause {
            Cause::StartInfo(error) => write!(f, "{stage}: {error}"),
            Cause::Mismatch(error) => write!(f, "{stage}: {error}"),
            Cause::Mmu(error) => write!(f, "{stage}: {error}"),
            Cause::NoMap(error) => write!(f, "{stage}: {error}"),
            Cause::Conflict(error) => write!(f, "{stage}: {error}"),
            Cause::Missing(missing) => write!(f, "{stage}: {missing}"),
            Cause::Traps(errno) => write!(f, "{stage}: Xen refused the trap table with {errno}"),
            Cause::Again => write!(f, "{stage}: the boot has run before; call it once"),
        }
    }
}

impl core::error::Error for Failure {}

impl From<start_info::Error> for Cause {
    fn from(error: start_info::Error) -> Self {
        Self::StartInfo(error)
    }
}

impl From<Mismatch> for Cause {
    fn from(error: Mismatch) -> Self {
        Self::Mismatch(error)
    }
}

impl From<NoMap> for Cause {
    fn from(error: NoMap) -> Self {
        Self::NoMap(error)
    }
}

impl From<Missing> for Cause {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<Conflict> for Cause {
    fn from(error: Conflict) -> Self {
        Self::Conflict(error)
    }
}

impl From<mmu::Error> for Cause {
    fn from(error: mmu::Error) -> Self {
        Self::Mmu(error)
    }
}

impl From<p2m::Error> for Cause {
    fn from(error: p2m::Error) -> Self {
        Self::Mmu(error.into())
    }
}
