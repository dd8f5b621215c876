//! Which ports have an event: the scan of the 2-level words.
//!
//! *What this is*: Xen marks an event in three steps (common/event_2l.c, `evtchn_2l_set_pending`): the port's bit, the bit of
//! the port's word in the selector, and that there is anything at all. The scan clears them in the other order.
//!
//! *What must hold*: each mark is cleared before what it leads to is read. An event that comes during the scan then either is
//! seen by it or leaves its marks for one more round.
//!
//! *What is not prevented*: a port that is sent to faster than it is delivered keeps the scan busy.

/// How many words of ports there are (`public/event_channel.h`, `EVTCHN_2L_NR_CHANNELS`).
pub(crate) const PORT_WORDS: usize = 64;
/// How many ports the 2-level words have.
pub(crate) const PORTS: u32 = PORT_WORDS as u32 * u64::BITS;

/// The words in which Xen marks events. Xen changes them at any time.
pub trait EventWords {
    /// Tells whether something is marked, and clears that mark: no later access comes before.
    fn take_any(&mut self) -> bool;

    /// Takes the selector: a bit for each word of ports that has news. It is 0 afterwards.
    fn take_selector(&mut self) -> u64;

    /// Returns the ports of a word that are pending and not masked.
    fn ready(&mut self, word: usize) -> u64;

    /// Clears the mark of a port.
    fn clear(&mut self, port: u32);
}

/// Delivers every event that is marked and not masked, and those that come meanwhile. The mark of a port is cleared before it
/// is delivered: what comes during the delivery is delivered again.
pub fn scan(words: &mut impl EventWords, mut deliver: impl FnMut(u32)) {
    while words.take_any() {
        for word in bits(words.take_selector()) {
            for bit in bits(words.ready(word as usize)) {
                let port = word * u64::BITS + bit;
                words.clear(port);
                deliver(port);
            }
        }
    }
}

/// The numbers of the bits that are set, the lowest first.
fn bits(mut word: u64) -> impl Iterator<Item = u32> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::vec::Vec;

    use super::{EventWords, PORT_WORDS, PORTS, scan};

    /// The words, and what Xen does before each access of the scan.
    struct Words {
        any: bool,
        selector: u64,
        pending: [u64; PORT_WORDS],
        mask: [u64; PORT_WORDS],
        /// Events that come before the access of a number.
        arriving: Vec<(usize, u32)>,
        accesses: usize,
        /// What a handler sent: it comes before the next access.
        sent: Rc<Cell<Option<u32>>>,
    }

    impl Words {
        fn new() -> Self {
            let (pending, mask) = ([0; PORT_WORDS], [0; PORT_WORDS]);
            let (arriving, sent) = (Vec::new(), Rc::default());
            Self { any: false, selector: 0, pending, mask, arriving, accesses: 0, sent }
        }

        /// As `evtchn_2l_set_pending`.
        fn send(&mut self, port: u32) {
            let (word, bit) = (port as usize / 64, 1 << (port % 64));
            let was_pending = self.pending[word] & bit != 0;
            self.pending[word] |= bit;
            if !was_pending && self.mask[word] & bit == 0 {
                self.any |= self.selector & (1 << word) == 0;
                self.selector |= 1 << word;
            }
        }

        fn access(&mut self) {
            let now = self.accesses;
            self.accesses += 1;
            if let Some(port) = self.sent.take() {
                self.send(port);
            }
            let arriving: Vec<u32> =
                self.arriving.iter().filter(|(at, _)| *at == now).map(|(_, port)| *port).collect();
            for port in arriving {
                self.send(port);
            }
        }

        fn scanned(&mut self) -> Vec<u32> {
            let mut ports = Vec::new();
            scan(self, |port| ports.push(port));
            ports
        }
    }

    impl EventWords for Words {
        fn take_any(&mut self) -> bool {
            self.access();
            core::mem::take(&mut self.any)
        }

        fn take_selector(&mut self) -> u64 {
            self.access();
            core::mem::take(&mut self.selector)
        }

        fn ready(&mut self, word: usize) -> u64 {
            self.access();
            self.pending[word] & !self.mask[word]
        }

        fn clear(&mut self, port: u32) {
            self.access();
            self.pending[port as usize / 64] &= !(1 << (port % 64));
        }
    }

    #[test]
    fn every_port_is_delivered_once() {
        for port in 0..PORTS {
            let mut words = Words::new();
            words.send(port);
            assert_eq!((words.scanned(), words.scanned()), (std::vec![port], Vec::new()));
            assert_eq!(words.pending, [0; PORT_WORDS]);
        }
        let mut words = Words::new();
        for port in (0..PORTS).rev() {
            words.send(port);
        }
        assert_eq!(words.scanned(), (0..PORTS).collect::<Vec<_>>());
        assert_eq!((words.any, words.selector, words.pending), (false, 0, [0; PORT_WORDS]));
    }

    #[test]
    fn a_masked_port_keeps_its_event() {
        let mut words = Words::new();
        words.mask[3] = 1 << 5;
        for port in [3 * 64 + 4, 3 * 64 + 5, 3 * 64 + 6] {
            words.send(port);
        }
        assert_eq!(words.scanned(), [3 * 64 + 4, 3 * 64 + 6]);
        assert_eq!(words.pending[3], 1 << 5);
    }

    #[test]
    fn an_upcall_without_an_event_delivers_nothing() {
        let mut words = Words::new();
        assert!(words.scanned().is_empty());
        words.any = true;
        assert!(words.scanned().is_empty());
        (words.any, words.selector) = (true, u64::MAX);
        assert!(words.scanned().is_empty());
    }

    /// An event comes before each access in turn, at the port that is pending, next to it and in another word.
    #[test]
    fn an_event_that_comes_during_the_scan_is_not_lost() {
        for port in [64, 65, 63, 4095] {
            for at in 0..12 {
                let mut words = Words::new();
                words.send(64);
                words.arriving.push((at, port));
                let mut delivered = words.scanned();
                // What comes after the last look raises the mark, and Xen makes one more upcall.
                let came = words.accesses > at;
                if !came {
                    words.access_until(at);
                }
                delivered.extend(words.scanned());
                delivered.sort_unstable();
                delivered.dedup();
                let mut expected = std::vec![64, port];
                expected.sort_unstable();
                expected.dedup();
                assert_eq!(delivered, expected, "{port} before access {at}");
                assert_eq!((words.any, words.pending), (false, [0; PORT_WORDS]), "{port} before access {at}");
            }
        }
    }

    /// What is sent to a port while it is delivered is another event.
    #[test]
    fn an_event_during_its_own_delivery_is_delivered_again() {
        let mut words = Words::new();
        words.send(7);
        let sent = Rc::clone(&words.sent);
        let mut delivered = 0;
        scan(&mut words, |port| {
            delivered += 1;
            sent.set((delivered == 1).then_some(port));
        });
        assert_eq!((delivered, words.pending), (2, [0; PORT_WORDS]));
    }

    impl Words {
        fn access_until(&mut self, at: usize) {
            while self.accesses <= at {
                self.access();
            }
        }
    }
}
