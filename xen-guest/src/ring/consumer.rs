//! The half of a ring that bytes are taken from.

use crate::ring::{error::RingError, layout::RingLayout, words::SharedWords};

/// Reads from a ring. Its own index is read once, at the start: what the other side makes of it later does not matter.
#[derive(Debug)]
pub(crate) struct Consumer {
    ring: RingLayout,
    at: u32,
}

impl Consumer {
    /// Continues where the page says that the last reader stopped.
    pub(crate) fn attach(words: &impl SharedWords, ring: RingLayout) -> Self {
        Self { ring, at: words.index(ring.consumer) }
    }

    /// Takes all there is, unread, whatever the index of the other side says.
    #[cfg(any(feature = "xenstore", test))]
    pub(crate) fn skip(&mut self, words: &mut impl SharedWords) {
        self.at = words.index(self.ring.producer);
        words.set_index(self.ring.consumer, self.at);
    }

    /// Takes as many bytes as there are and as fit, and returns how many.
    ///
    /// # Errors
    /// [`RingError`] if there would be more than the ring holds.
    pub(crate) fn read(
        &mut self,
        words: &mut impl SharedWords,
        bytes: &mut [u8],
    ) -> Result<usize, RingError> {
        let producer = words.index(self.ring.producer);
        let there = producer.wrapping_sub(self.at);
        if there > u32::from(self.ring.size) {
            let RingLayout { name, size, .. } = self.ring;
            return Err(RingError { ring: name, size, consumer: self.at, producer });
        }
        let mut taken = 0;
        for (byte, _) in bytes.iter_mut().zip(0..there) {
            *byte = words.byte(self.ring.offset(self.at));
            self.at = self.at.wrapping_add(1);
            taken += 1;
        }
        if taken > 0 {
            words.set_index(self.ring.consumer, self.at);
        }
        Ok(taken)
    }
}
