//! A request of the toolstack's.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

/// What the toolstack asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// End, and stay off (`xl shutdown`).
    Poweroff,
    /// End, and be started again (`xl reboot`).
    Reboot,
    /// End; for a guest the same as to power off.
    Halt,
    /// Crash.
    Crash,
    /// Suspend, to be saved or migrated.
    Suspend,
    /// The letter of `xl sysrq`.
    Sysrq(char),
    /// A word that is none of these.
    Unknown(String),
}

impl ControlRequest {
    /// Returns what a word in `control/shutdown` asks for; `None` for an empty one.
    pub(super) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" => return None,
            "poweroff" => Self::Poweroff,
            "reboot" => Self::Reboot,
            "halt" => Self::Halt,
            "crash" => Self::Crash,
            "suspend" => Self::Suspend,
            other => Self::Unknown(other.to_owned()),
        })
    }
}

impl fmt::Display for ControlRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Poweroff => f.write_str("poweroff"),
            Self::Reboot => f.write_str("reboot"),
            Self::Halt => f.write_str("halt"),
            Self::Crash => f.write_str("crash"),
            Self::Suspend => f.write_str("suspend"),
            Self::Sysrq(letter) => write!(f, "sysrq {letter:?}"),
            Self::Unknown(word) => write!(f, "{word:?}, which is unknown"),
        }
    }
}
