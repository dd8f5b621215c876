//! Where frames for the P2M come from.
//!
//! *What this is*: the tree and its published forms need pages; this trait hides where they come from.

use crate::{error::P2mError, frame::Frame};

/// Something that frames are taken from.
pub trait FrameSource<M> {
    /// Why no frame could be taken.
    type Error: From<P2mError>;

    /// Takes a frame; its contents are undefined.
    ///
    /// # Errors
    /// When none is left, or when mapping more memory failed.
    fn take(&mut self, memory: &mut M) -> Result<Frame, Self::Error>;
}
