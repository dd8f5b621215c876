//! What the leaves of a P2M are made of.

/// What a leaf of the P2M is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeafKind {
    /// A page of the builder's list, unchanged.
    List,
    /// Identity entries only.
    Identity,
    /// No memory at all.
    Missing,
    /// A mix, built entry by entry.
    Mixed,
}
