//! Page tables as types, and how they are changed.
//!
//! *What this is*: from the inside out: a level, an entry of it, the request that writes an entry, many of them in a batch, the flush
//! that is due then, and the table itself with who may store to it.

pub(crate) mod batch;
pub(crate) mod entry;
pub(crate) mod flush;
pub(crate) mod freeze;
pub(crate) mod leaf;
pub(crate) mod level;
pub(crate) mod table;
pub(crate) mod target;
