//! What can be wrong with a ring.

/// The other side's index is one that cannot be. Nothing was read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the {ring} ring holds {size} bytes, but from its consumer index {consumer:#x} to its producer index {producer:#x} it \
     would be {}: the other side broke it, so restart what serves it",
    .producer.wrapping_sub(*.consumer)
)]
pub struct RingError {
    /// The ring's name.
    pub ring: &'static str,
    /// How many bytes it holds.
    pub size: u16,
    /// How far its reader has read.
    pub consumer: u32,
    /// How far its writer has written.
    pub producer: u32,
}
