//! A port of the guest's own.
//!
//! *What must hold*: who has it may use it, and closes it once. There is no second one with the same number while it is open.
//!
//! *What is not prevented*: one that is dropped stays open for good.

/// An open event channel.
#[derive(Debug, PartialEq, Eq)]
pub struct EventPort(u32);

impl EventPort {
    pub(crate) const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Returns its number, for the domain that binds the other end.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.0
    }
}
