//! Where frames for the P2M come from.
//!
//! *What this is*: the tree and what is published of it need pages; who has them is not their business.

use crate::{error::P2mError, frame::Frame};

/// Something that frames are taken from.
pub trait FrameSource<M> {
    /// Why no frame could be had.
    type Error: From<P2mError>;

    /// Takes a frame; its contents are undefined.
    ///
    /// # Errors
    /// When there is none left, or when mapping more memory failed.
    fn take(&mut self, memory: &mut M) -> Result<Frame, Self::Error>;
}
