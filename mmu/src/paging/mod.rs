//! Page tables as types, and how they are changed.
//!
//! *What this is*: a level; an entry of it, and what it can lead to (`target`, and for the pages of modules `leaf`);
//! requests in a batch, and the flush they need; the table, and who may write it; and how a table is frozen and made
//! writable again.

pub(crate) mod batch;
pub(crate) mod entry;
pub(crate) mod flush;
pub(crate) mod freeze;
pub(crate) mod leaf;
pub(crate) mod level;
pub(crate) mod table;
pub(crate) mod target;
