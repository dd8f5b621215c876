//! What a boot says of itself: its stages with their costs, and the address space it made.

pub(crate) mod picture;
pub(crate) mod timeline;
