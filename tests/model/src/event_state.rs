//! What the machine knows of events and time.

use std::cell::Cell;

use xen_guest::EventHandlers;

use crate::event::Channels;
use crate::guest::Domain;

/// Ports, callbacks, what came, and the clock.
#[derive(Clone)]
pub(crate) struct EventState {
    pub(crate) channels: Channels,
    /// The guest registered its callback for events.
    pub(crate) has_callback: bool,
    pub(crate) handlers: EventHandlers,
    /// The ports that were signalled since the guest asked.
    pub(crate) arrived: Vec<u32>,
    pub(crate) upcalls: u64,
    /// The steps of the guest, and what a test signals before which.
    pub(crate) steps: u64,
    pub(crate) signals: Vec<(u64, u32)>,
    /// The system time, and when the timer comes.
    pub(crate) clock: Cell<u64>,
    pub(crate) timer: Option<u64>,
}

impl EventState {
    pub(crate) fn new(domain: Domain) -> Self {
        Self {
            channels: Channels::new(domain),
            has_callback: false,
            handlers: EventHandlers::new(),
            arrived: Vec::new(),
            upcalls: 0,
            steps: 0,
            signals: Vec::new(),
            // The host has run for a second.
            clock: Cell::new(1_000_000_000),
            timer: None,
        }
    }
}
