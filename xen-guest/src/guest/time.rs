//! The clock, the wall clock, and sleeping.

use core::time::Duration;

use crate::{
    event::{error::EventError, handlers::EventHandler},
    guest::Guest,
    platform::Platform,
    time::instant::Instant,
};

impl<P: Platform> Guest<P> {
    /// Returns the time. It never goes back.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.platform.now()
    }

    /// Returns how long after 1970 it is, by Xen's wall clock.
    #[must_use]
    pub fn wall_clock(&self) -> Duration {
        let since_start = Duration::from_nanos(self.now().as_nanos());
        self.platform.wall_clock_start().saturating_add(since_start)
    }

    /// Waits until a moment. Handlers are called meanwhile.
    ///
    /// # Errors
    /// As [`Guest::wait_for`].
    pub fn sleep_until(&mut self, until: Instant) -> Result<(), EventError> {
        self.wait_for_any(&[], Some(until)).map(|_| ())
    }

    /// Waits for a while. Handlers are called meanwhile.
    ///
    /// # Errors
    /// As [`Guest::wait_for`].
    pub fn sleep(&mut self, duration: Duration) -> Result<(), EventError> {
        self.sleep_until(self.now() + duration)
    }

    /// Sets what is called when the timer comes: at the deadline of a wait, or earlier.
    ///
    /// # Errors
    /// [`EventError::Timer`], [`EventError::Unmask`], [`EventError::NoRoom`].
    pub fn on_timer(&mut self, handler: EventHandler) -> Result<(), EventError> {
        let port = self.timer_port()?;
        if self.platform.set_handler(port, Some(handler)) { Ok(()) } else { Err(EventError::NoRoom { port }) }
    }

    /// Returns the timer's port, which it opens the first time.
    fn timer_port(&mut self) -> Result<u32, EventError> {
        let port = match self.parts.timer.take() {
            Some(port) => port,
            None => {
                let number = self.platform.open_timer().map_err(EventError::Timer)?;
                self.let_through(number)?
            }
        };
        Ok(self.parts.timer.insert(port).number())
    }

    /// Sets the timer.
    pub(super) fn set_timer(&mut self, until: Instant) -> Result<(), EventError> {
        self.timer_port()?;
        self.platform
            .set_timer(until)
            .map_err(|errno| EventError::Deadline { until: until.as_nanos(), errno })
    }

    /// Tells whether the timer came since the last time. It may come early: Xen lets one that is far away come after 100 ms.
    pub(super) fn timer_came(&mut self) -> bool {
        self.parts.timer.as_ref().is_some_and(|timer| self.platform.take_event(timer.number()))
    }
}
