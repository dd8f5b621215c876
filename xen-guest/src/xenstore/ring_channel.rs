//! The way to xenstored through its ring.

use crate::{
    boot::rings::DomainRing,
    platform::Platform,
    ring::{
        consumer::Consumer,
        error::RingError,
        layout::{XENSTORE_ANSWERS, XENSTORE_CONNECTION, XENSTORE_FEATURES, XENSTORE_REQUESTS},
        producer::Producer,
        words::SharedWords,
    },
    xenstore::channel::Channel,
};

/// xenstored can reconnect (`XENSTORE_SERVER_FEATURE_RECONNECTION`).
const RECONNECTION: u32 = 1;
/// The two states of the connection.
const CONNECTED: u32 = 0;
const RECONNECTING: u32 = 1;

/// Both halves of xenstore's ring that are ours.
#[derive(Debug)]
pub(crate) struct StoreHalves {
    requests: Producer,
    answers: Consumer,
}

impl StoreHalves {
    /// Starts where the ring is. What was answered to somebody before us is skipped.
    fn attach(words: &mut impl SharedWords) -> Self {
        let requests = Producer::attach(words, XENSTORE_REQUESTS);
        let mut answers = Consumer::attach(words, XENSTORE_ANSWERS);
        answers.skip(words);
        Self { requests, answers }
    }
}

/// The ring, and the machine that lends its words.
#[derive(Debug)]
pub(super) struct RingChannel<'g, P> {
    platform: &'g mut P,
    ring: &'g DomainRing,
    halves: &'g mut StoreHalves,
}

impl<'g, P: Platform> RingChannel<'g, P> {
    pub(super) fn new(
        platform: &'g mut P,
        ring: &'g DomainRing,
        halves: &'g mut Option<StoreHalves>,
    ) -> Self {
        let halves = halves.get_or_insert_with(|| StoreHalves::attach(&mut platform.shared(&ring.page)));
        Self { platform, ring, halves }
    }

    /// Blocks until xenstored has something to say.
    pub(super) fn block(&mut self) {
        self.platform.wait_for(self.ring.port);
    }
}

impl<P: Platform> Channel for RingChannel<'_, P> {
    /// How often it is still given.
    type Patience = u32;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, RingError> {
        self.halves.requests.write(&mut self.platform.shared(&self.ring.page), bytes)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, RingError> {
        let taken = self.halves.answers.read(&mut self.platform.shared(&self.ring.page), bytes)?;
        if taken > 0 {
            self.notify();
        }
        Ok(taken)
    }

    fn notify(&mut self) {
        self.platform.notify(self.ring.port);
    }

    fn patience(&self) -> u32 {
        self.platform.patience()
    }

    fn wait(&mut self, patience: &mut u32) -> bool {
        let Some(left) = patience.checked_sub(1) else { return false };
        *patience = left;
        self.platform.give_way();
        true
    }

    fn begin_reconnect(&mut self) -> Result<(), u32> {
        let mut words = self.platform.shared(&self.ring.page);
        let features = words.index(XENSTORE_FEATURES);
        if features & RECONNECTION == 0 {
            return Err(features);
        }
        words.set_index(XENSTORE_CONNECTION, RECONNECTING);
        drop(words);
        self.notify();
        Ok(())
    }

    fn is_reconnected(&mut self) -> bool {
        let mut words = self.platform.shared(&self.ring.page);
        let connected = words.index(XENSTORE_CONNECTION) == CONNECTED;
        if connected {
            *self.halves = StoreHalves::attach(&mut words);
        }
        connected
    }
}
