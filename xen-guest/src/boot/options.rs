//! What the command line asks of the boot.
//!
//! *What must hold*: unknown words and values are ignored, never fatal; `docs/boot.md` lists the known ones.

use mmu::OldList;
use start_info::CommandLine;

/// Whether the P2M is copied out of the range behind the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revector {
    /// Copy it, and give the old pages back.
    #[default]
    On,
    /// Leave it where the builder put it.
    Off,
}

/// When memory is mapped at `__va`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// All of it during the boot.
    #[default]
    Eager,
    /// Chunk by chunk as frames are needed.
    Lazy,
}

/// What the demonstration does at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Power off.
    #[default]
    Poweroff,
    /// Ask to be started again.
    Reboot,
    /// End as if something had gone wrong.
    Crash,
    /// Stay up.
    Idle,
}

/// The words of the command line that this layer knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `revector=on|off`
    pub revector: Revector,
    /// `map=eager|lazy`
    pub mapping: Mapping,
    /// `then=poweroff|reboot|crash|idle`
    pub then: Then,
    /// `report=json`
    pub json: bool,
}

impl Options {
    /// Tells whether the builder's list is looked at when the tree is built.
    #[must_use]
    pub(crate) const fn old_list(&self) -> OldList {
        match self.revector {
            Revector::On => OldList::Unused,
            Revector::Off => OldList::InUse,
        }
    }

    /// Reads the options.
    #[must_use]
    pub(crate) fn of(line: &CommandLine) -> Self {
        Self {
            revector: match line.value_of("revector") {
                Some("off") => Revector::Off,
                _ => Revector::On,
            },
            mapping: match line.value_of("map") {
                Some("lazy") => Mapping::Lazy,
                _ => Mapping::Eager,
            },
            then: match line.value_of("then") {
                Some("reboot") => Then::Reboot,
                Some("crash") => Then::Crash,
                Some("idle") => Then::Idle,
                _ => Then::Poweroff,
            },
            json: line.value_of("report") == Some("json"),
        }
    }
}
