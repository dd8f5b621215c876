//! A raw request to exchange frames.
//!
//! *What this is*: the argument of `memory_op`, command *exchange*.
//!
//! *What must hold*: as in [`crate::Extents`].

use crate::requests::Extents;

/// Extents of frames for extents of pages.
#[derive(Debug)]
pub struct Exchange<'a> {
    /// What is handed in.
    pub old: Extents<'a>,
    /// What is taken: pages, which the call replaces by frames.
    pub new: Extents<'a>,
}
