//! The message that is coming in, which may come in pieces.

use alloc::vec::Vec;

use crate::xenstore::{
    channel::Channel,
    error::{OutOfStep, XenstoreError},
    header::{HEADER_LEN, Header, MAX_PAYLOAD},
};

/// A whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoreMessage {
    pub(super) header: Header,
    pub(super) payload: Vec<u8>,
}

/// What has come of a message.
#[derive(Debug)]
pub(super) struct Inbox {
    head: [u8; HEADER_LEN],
    /// How many bytes of the head there are.
    filled: usize,
    payload: Vec<u8>,
}

impl Inbox {
    pub(super) const fn new() -> Self {
        Self { head: [0; HEADER_LEN], filled: 0, payload: Vec::new() }
    }

    /// Takes what has come, and returns a message once it is whole.
    ///
    /// # Errors
    /// [`XenstoreError::OutOfStep`] for indices that cannot be and a message that is too long.
    /// [`XenstoreError::NoMemory`]: then it can be tried again.
    pub(super) fn take(&mut self, channel: &mut impl Channel) -> Result<Option<StoreMessage>, XenstoreError> {
        while let Some(rest) = self.head.get_mut(self.filled..).filter(|rest| !rest.is_empty()) {
            let taken = channel.receive(rest).map_err(OutOfStep::Ring)?;
            if taken == 0 {
                return Ok(None);
            }
            self.filled += taken;
        }
        let header = Header::from_bytes(self.head);
        // No address is narrower than 32 bits here.
        let len = header.len as usize;
        if len > MAX_PAYLOAD {
            return Err(OutOfStep::TooLong { len: header.len, limit: MAX_PAYLOAD }.into());
        }
        let missing = len.saturating_sub(self.payload.len());
        self.payload.try_reserve_exact(missing).map_err(|_| XenstoreError::NoMemory { bytes: missing })?;
        while self.payload.len() < len {
            let mut piece = [0; 256];
            let room = piece.len().min(len - self.payload.len());
            let room = piece.get_mut(..room).unwrap_or_default();
            let taken = channel.receive(room).map_err(OutOfStep::Ring)?;
            if taken == 0 {
                return Ok(None);
            }
            self.payload.extend_from_slice(room.get(..taken).unwrap_or_default());
        }
        self.filled = 0;
        Ok(Some(StoreMessage { header, payload: core::mem::take(&mut self.payload) }))
    }
}
