//! What is called when a port is signalled.
//!
//! *What must hold*: the upcall reads the table at any time, so whoever changes it masks events meanwhile.

use alloc::vec::Vec;
use core::fmt;

/// What is called for an event: on the stack of what was interrupted, with events masked. It may touch only what may be shared.
pub type EventHandler = &'static (dyn Fn() + Sync);

/// The handlers, by their ports.
#[derive(Clone, Default)]
pub struct EventHandlers(Vec<(u32, EventHandler)>);

impl EventHandlers {
    /// No handlers.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Sets the handler of a port, or removes it. Tells whether there was room.
    #[must_use]
    pub fn set(&mut self, port: u32, handler: Option<EventHandler>) -> bool {
        match (self.rank(port), handler) {
            (Ok(rank), Some(handler)) => self.0[rank].1 = handler,
            (Ok(rank), None) => drop(self.0.remove(rank)),
            (Err(rank), Some(handler)) => {
                if self.0.try_reserve(1).is_err() {
                    return false;
                }
                self.0.insert(rank, (port, handler));
            }
            (Err(_), None) => {}
        }
        true
    }

    /// Returns the handler of a port.
    #[must_use]
    pub fn of(&self, port: u32) -> Option<EventHandler> {
        self.rank(port).ok().map(|rank| self.0[rank].1)
    }

    fn rank(&self, port: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&port, |&(port, _)| port)
    }
}

impl fmt::Debug for EventHandlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(port, _)| port)).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{EventHandler, EventHandlers};

    static CALLED: AtomicU32 = AtomicU32::new(0);

    fn one() {
        CALLED.store(1, Ordering::Relaxed);
    }

    fn two() {
        CALLED.store(2, Ordering::Relaxed);
    }

    fn called(handlers: &EventHandlers, port: u32) -> Option<u32> {
        handlers.of(port).map(|handler| {
            handler();
            CALLED.load(Ordering::Relaxed)
        })
    }

    #[test]
    fn each_port_has_its_own_handler_and_the_last_one_set() {
        let mut handlers = EventHandlers::new();
        let [first, second]: [EventHandler; 2] = [&one, &two];
        assert!(
            handlers.set(9, Some(first)) && handlers.set(4000, Some(second)) && handlers.set(1, Some(second))
        );
        let found = |handlers: &EventHandlers| [1, 9, 10, 4000].map(|port| called(handlers, port));
        assert_eq!(found(&handlers), [Some(2), Some(1), None, Some(2)]);
        assert!(handlers.set(4000, Some(first)) && handlers.set(9, None) && handlers.set(9, None));
        assert_eq!(found(&handlers), [Some(2), None, None, Some(1)]);
    }
}
