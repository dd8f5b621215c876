//! What becomes of the builder's list.

/// Whether the builder's list is looked at after the switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BuilderP2m {
    /// The tree was revectored: the list's pages can go.
    Copied,
    /// The tree still leads there.
    Kept,
}
