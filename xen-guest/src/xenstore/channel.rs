//! The way to xenstored and back.

use crate::ring::error::RingError;

/// A stream of bytes to xenstored, and one from it.
pub(crate) trait Channel {
    /// How long is still waited.
    type Patience;

    /// Sends as many of the bytes as there is room for, and returns how many.
    fn send(&mut self, bytes: &[u8]) -> Result<usize, RingError>;

    /// Takes as many bytes as there are and as fit, and returns how many.
    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, RingError>;

    /// Tells xenstored that there is something to read, or room.
    fn notify(&mut self);

    /// Returns how long one request is waited for.
    fn patience(&self) -> Self::Patience;

    /// Lets xenstored run for a while, and returns true; or false once there was enough of that.
    fn wait(&mut self, patience: &mut Self::Patience) -> bool;

    /// Starts a reconnection.
    ///
    /// # Errors
    /// The features that xenstored offers, if this is not among them.
    fn begin_reconnect(&mut self) -> Result<(), u32>;

    /// Tells whether the reconnection is done. Then both streams start afresh.
    fn is_reconnected(&mut self) -> bool;
}
