//! What a machine must offer for events and time.

use core::time::Duration;

use mmu::Errno;

use crate::{
    event::{handlers::EventHandler, source::EventSource},
    time::instant::Instant,
};

/// Events and time, as a machine gives them to a guest of one processor. A port is signalled once, however often it was sent to
/// before the guest looked.
pub trait Events {
    /// Has the machine call the guest for events, masks every port, and stops the periodic timer. shared_info must be attached;
    /// events as a whole stay masked.
    ///
    /// # Errors
    /// When Xen refuses the callbacks, or to stop the timer.
    fn start_events(&mut self) -> Result<(), Errno>;

    /// Opens a port. It is masked.
    ///
    /// # Errors
    /// Xen's reason.
    fn open_port(&mut self, source: EventSource) -> Result<u32, Errno>;

    /// Opens a port for the timer. It is masked.
    ///
    /// # Errors
    /// Xen's reason.
    fn open_timer(&mut self) -> Result<u32, Errno>;

    /// Closes a port.
    ///
    /// # Errors
    /// Xen's reason; then it is still open.
    fn close_port(&mut self, port: u32) -> Result<(), Errno>;

    /// Signals the other end of a port.
    ///
    /// # Errors
    /// Xen's reason.
    fn send(&mut self, port: u32) -> Result<(), Errno>;

    /// Has a port keep its events from now on.
    fn mask_port(&mut self, port: u32);

    /// Lets a port's events through, and one that it kept.
    ///
    /// # Errors
    /// Xen's reason; then it may be masked still.
    fn unmask_port(&mut self, port: u32) -> Result<(), Errno>;

    /// Sets what is called when a port is signalled, or removes it. Tells whether there was room.
    #[must_use]
    fn set_handler(&mut self, port: u32, handler: Option<EventHandler>) -> bool;

    /// Tells whether a port was signalled since the last time.
    fn take_event(&mut self, port: u32) -> bool;

    /// Has the machine keep all events from now on; tells whether it did already.
    fn mask_events(&mut self) -> bool;

    /// Lets events through, and those that came meanwhile at once.
    fn unmask_events(&mut self);

    /// Lets events through and waits until one is delivered, in one step: one that came before is not waited for.
    ///
    /// # Errors
    /// Xen's reason; then events may be masked still.
    fn block(&mut self) -> Result<(), Errno>;

    /// Sets the timer, which was set to another time or not at all. It may come early.
    ///
    /// # Errors
    /// Xen's reason.
    fn set_timer(&mut self, at: Instant) -> Result<(), Errno>;

    /// Returns the time. It never goes back.
    fn now(&self) -> Instant;

    /// Returns how long after 1970 the system time was 0.
    fn wall_clock_start(&self) -> Duration;
}
