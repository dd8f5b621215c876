//! Which ports were signalled since somebody asked.
//!
//! *What must hold*: the upcall sets a bit, whoever waits takes it. Both may come at any time.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::event::scan::PORT_WORDS;

/// A bit for each port.
#[derive(Debug)]
pub(crate) struct Arrived([AtomicU64; PORT_WORDS]);

impl Arrived {
    /// No port was signalled.
    pub(crate) const fn new() -> Self {
        Self([const { AtomicU64::new(0) }; PORT_WORDS])
    }

    /// Notes that a port was signalled.
    pub(crate) fn note(&self, port: u32) {
        if let Some(word) = self.word(port) {
            word.fetch_or(1 << (port % u64::BITS), Ordering::SeqCst);
        }
    }

    /// Tells whether a port was signalled since the last time.
    pub(crate) fn take(&self, port: u32) -> bool {
        let bit = 1 << (port % u64::BITS);
        self.word(port).is_some_and(|word| word.fetch_and(!bit, Ordering::SeqCst) & bit != 0)
    }

    fn word(&self, port: u32) -> Option<&AtomicU64> {
        self.0.get((port / u64::BITS) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::Arrived;
    use crate::event::scan::PORTS;

    #[test]
    fn an_event_is_taken_once_and_from_no_other_port() {
        let arrived = Arrived::new();
        for port in 0..PORTS {
            arrived.note(port);
            arrived.note(port);
            let others = [port.wrapping_sub(1), port + 1, port ^ 64];
            assert!(others.iter().all(|&other| !arrived.take(other)), "{port}");
            assert!(arrived.take(port) && !arrived.take(port), "{port}");
        }
    }

    #[test]
    fn a_port_that_cannot_be_has_no_event() {
        let arrived = Arrived::new();
        for port in [PORTS, PORTS + 64, u32::MAX] {
            arrived.note(port);
            assert!(!arrived.take(port), "{port}");
        }
    }
}
