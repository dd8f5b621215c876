//! The half of a ring that bytes are put in.

use crate::ring::{error::RingError, layout::RingLayout, words::SharedWords};

/// Writes to a ring. Its own index is read once, at the start: what the other side makes of it later does not matter.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: RingLayout,
    at: u32,
}

impl Producer {
    /// Continues where the page says that the last writer stopped.
    pub(crate) fn attach(words: &impl SharedWords, ring: RingLayout) -> Self {
        Self { ring, at: words.index(ring.producer) }
    }

    /// Returns the reader's index, whatever it is.
    pub(super) fn reader(&self, words: &impl SharedWords) -> u32 {
        words.index(self.ring.consumer)
    }

    /// Returns how many bytes the reader has not taken yet.
    ///
    /// # Errors
    /// [`RingError`] if that is more than the ring holds.
    pub(super) fn waiting(&self, words: &impl SharedWords) -> Result<u32, RingError> {
        let consumer = self.reader(words);
        let waiting = self.at.wrapping_sub(consumer);
        if waiting > u32::from(self.ring.size) {
            let RingLayout { name, size, .. } = self.ring;
            return Err(RingError { ring: name, size, consumer, producer: self.at });
        }
        Ok(waiting)
    }

    /// Tells whether another byte fits.
    ///
    /// # Errors
    /// As [`Producer::waiting`].
    pub(super) fn has_room(&self, words: &impl SharedWords) -> Result<bool, RingError> {
        self.waiting(words).map(|waiting| waiting < u32::from(self.ring.size))
    }

    /// Puts in as many of the bytes as there is room for, and returns how many.
    ///
    /// # Errors
    /// As [`Producer::waiting`].
    pub(crate) fn write(&mut self, words: &mut impl SharedWords, bytes: &[u8]) -> Result<usize, RingError> {
        let room = u32::from(self.ring.size) - self.waiting(words)?;
        let mut written = 0;
        for (&byte, _) in bytes.iter().zip(0..room) {
            words.set_byte(self.ring.offset(self.at), byte);
            self.at = self.at.wrapping_add(1);
            written += 1;
        }
        if written > 0 {
            words.set_index(self.ring.producer, self.at);
        }
        Ok(written)
    }
}
