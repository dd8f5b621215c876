//! What becomes of the builder's list.

/// Whether the builder's list is still in use after the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuilderP2m {
    /// The tree was revectored: the list's pages can be released.
    Copied,
    /// The tree still leads to the list.
    Kept,
}
