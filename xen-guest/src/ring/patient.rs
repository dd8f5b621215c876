//! Writing all of a text to a ring whose reader may be slow, or gone.
//!
//! *What must hold*: a full ring does not stop the guest for good. After many yields without a reader the text is
//! dropped, and so is what follows, until the reader moves. After one wait in vain, neither a later line nor the end
//! waits again until the reader has moved. An index of the reader that cannot be is a full ring.
//!
//! *What is not prevented*: a reader that moves its index backwards gets bytes twice, or none until it is back.

use crate::ring::{producer::Producer, words::SharedWords};

/// The domain that reads the ring.
pub(crate) trait Reader {
    /// Notifies it that there is something to read.
    fn notify(&mut self);

    /// Lets it run.
    fn give_way(&mut self);
}

/// Writes text to a ring, and waits for its reader.
#[derive(Debug)]
pub(crate) struct PatientWriter {
    producer: Producer,
    /// How often the processor is yielded to the reader before text is dropped.
    patience: u32,
    /// The reader's index after a wait in vain: it is not waited for again until it has moved.
    deaf_at: Option<u32>,
}

impl PatientWriter {
    pub(crate) const fn new(producer: Producer, patience: u32) -> Self {
        Self { producer, patience, deaf_at: None }
    }

    /// Writes text, with a carriage return before every line feed as a terminal needs it, and notifies the reader.
    pub(crate) fn write(&mut self, words: &mut impl SharedWords, reader: &mut impl Reader, text: &str) {
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(line) => {
                    self.bytes(words, reader, line.as_bytes());
                    self.bytes(words, reader, b"\r\n");
                }
                None => self.bytes(words, reader, piece.as_bytes()),
            }
        }
        reader.notify();
    }

    /// Waits until the reader has everything, so that nothing is lost when the domain ends.
    pub(crate) fn drain(&mut self, words: &impl SharedWords, reader: &mut impl Reader) {
        let _in_vain = self
            .wait_until(words, reader, |producer, words| producer.waiting(words).is_ok_and(|left| left == 0));
    }

    fn bytes(&mut self, words: &mut impl SharedWords, reader: &mut impl Reader, bytes: &[u8]) {
        let mut left = bytes;
        let mut in_vain = 0;
        // A reader that only seems to move does not keep us here.
        while in_vain <= self.patience {
            // An index that cannot be is waited for like a full ring.
            let written = self.producer.write(words, left).unwrap_or(0);
            left = left.get(written..).unwrap_or(&[]);
            if left.is_empty() {
                return;
            }
            in_vain = if written > 0 { 0 } else { in_vain.saturating_add(1) };
            reader.notify();
            if !self
                .wait_until(words, reader, |producer, words| producer.has_room(words).is_ok_and(|room| room))
            {
                return;
            }
        }
    }

    /// Lets the reader run until enough of the ring is free; tells whether that happened.
    fn wait_until<W: SharedWords>(
        &mut self,
        words: &W,
        reader: &mut impl Reader,
        enough: impl Fn(&Producer, &W) -> bool,
    ) -> bool {
        for _ in 0..self.patience {
            if enough(&self.producer, words) {
                return true;
            }
            if self.deaf_at == Some(self.producer.reader(words)) {
                return false;
            }
            reader.give_way();
        }
        let came = enough(&self.producer, words);
        self.deaf_at = (!came).then(|| self.producer.reader(words));
        came
    }
}
