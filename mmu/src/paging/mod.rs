//! Page tables as types, and how they are changed.
//!
//! *What this is*: a level; an entry of it, and what it can lead to (`target`, and for the pages of modules `leaf`);
//! requests in a batch, and the flush that is due then; the table with who may store to it; and how a table is frozen
//! and thawed.

pub(crate) mod batch;
pub(crate) mod entry;
pub(crate) mod flush;
pub(crate) mod freeze;
pub(crate) mod leaf;
pub(crate) mod level;
pub(crate) mod table;
pub(crate) mod target;
