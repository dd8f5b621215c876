//! Which of the two rings.

use core::fmt;

/// Tells one ring from the other in an [error](crate::StartInfoError).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingName {
    /// `store_mfn` and `store_evtchn`.
    Xenstore,
    /// `console.domU`.
    Console,
}

impl fmt::Display for RingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xenstore => "xenstore",
            Self::Console => "console",
        })
    }
}
