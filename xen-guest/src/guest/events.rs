//! Ports, handlers, and waiting for events.
//!
//! *What must hold*: no wake-up is lost. Whoever waits masks events, looks, and blocks in a way that lets them through in one
//! step; so what comes after the look ends the wait.

use crate::{
    event::{error::EventError, handlers::EventHandler, port::EventPort, scan::PORTS, source::EventSource},
    guest::Guest,
    platform::Platform,
    time::instant::Instant,
};

impl<P: Platform> Guest<P> {
    /// Opens a port; its events are let through from now on. One that comes before there is a handler is kept for
    /// [`Guest::wait_for`].
    ///
    /// # Errors
    /// [`EventError::Open`], [`EventError::TooHigh`] and [`EventError::Unmask`]; then no port is open.
    pub fn open(&mut self, source: EventSource) -> Result<EventPort, EventError> {
        let opened = self.platform.open_port(source);
        let number = opened.map_err(|errno| EventError::Open { wanted: source, errno })?;
        self.let_through(number)
    }

    /// Lets the events of a port through that was just opened.
    pub(super) fn let_through(&mut self, port: u32) -> Result<EventPort, EventError> {
        let let_through = if port < PORTS {
            // What came to an earlier port of this number is nobody's.
            let _stale = self.platform.take_event(port);
            self.platform.unmask_port(port).map_err(|errno| EventError::Unmask { port, errno })
        } else {
            Err(EventError::TooHigh { port, most: PORTS })
        };
        if let Err(error) = let_through {
            // The reason is the first refusal.
            let _lost = self.platform.close_port(port);
            return Err(error);
        }
        Ok(EventPort::new(port))
    }

    /// Closes a port. Its handler is not called any more.
    ///
    /// # Errors
    /// [`EventError::Close`], with the port, which has no handler any more and is masked.
    pub fn close(&mut self, port: EventPort) -> Result<(), (EventPort, EventError)> {
        let number = port.number();
        self.platform.mask_port(number);
        // Removing needs no room.
        let _room = self.platform.set_handler(number, None);
        self.platform.close_port(number).map_err(|errno| (port, EventError::Close { port: number, errno }))
    }

    /// Signals the other end of a port. If that was signalled before and has not looked yet, it is signalled once.
    ///
    /// # Errors
    /// [`EventError::Send`].
    pub fn send(&mut self, port: &EventPort) -> Result<(), EventError> {
        let port = port.number();
        self.platform.send(port).map_err(|errno| EventError::Send { port, errno })
    }

    /// Sets what is called when a port is signalled, in place of what was set before.
    ///
    /// It is called between any two instructions of what runs, on the same stack, with events masked. It can lock only what
    /// nobody holds with events let through, and should return soon.
    ///
    /// # Errors
    /// [`EventError::NoRoom`]; then nothing is changed.
    pub fn on_event(&mut self, port: &EventPort, handler: EventHandler) -> Result<(), EventError> {
        let port = port.number();
        if self.platform.set_handler(port, Some(handler)) { Ok(()) } else { Err(EventError::NoRoom { port }) }
    }

    /// Waits until a port is signalled, or was signalled since the last wait for it. Returns `false` if that did not happen
    /// before the deadline.
    ///
    /// # Errors
    /// [`EventError::Block`], [`EventError::Timer`], [`EventError::Deadline`]. An event that came is kept.
    pub fn wait_for(&mut self, port: &EventPort, until: Option<Instant>) -> Result<bool, EventError> {
        Ok(self.wait_for_any(&[port], until)?.is_some())
    }

    /// Waits as [`Guest::wait_for`] for one of some ports; returns the rank of the first that is signalled, or `None` at the
    /// deadline.
    ///
    /// # Errors
    /// As [`Guest::wait_for`].
    pub fn wait_for_any(
        &mut self,
        ports: &[&EventPort],
        until: Option<Instant>,
    ) -> Result<Option<usize>, EventError> {
        let were_masked = self.platform.mask_events();
        let waited = self.wait_masked(ports, until);
        if !were_masked {
            self.platform.unmask_events();
        }
        waited
    }

    /// Waits with events masked, before and afterwards.
    fn wait_masked(
        &mut self,
        ports: &[&EventPort],
        until: Option<Instant>,
    ) -> Result<Option<usize>, EventError> {
        let mut is_set = false;
        loop {
            let came = ports.iter().position(|port| self.platform.take_event(port.number()));
            let is_over = until.is_some_and(|until| self.platform.now() >= until);
            if came.is_some() || is_over {
                return Ok(came);
            }
            if let Some(until) = until
                && (!is_set || self.timer_came())
            {
                self.set_timer(until)?;
                is_set = true;
            }
            let blocked = self.platform.block().map_err(EventError::Block);
            let _unmasked = self.platform.mask_events();
            blocked?;
        }
    }
}
