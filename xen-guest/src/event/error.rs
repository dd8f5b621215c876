//! Why something with events failed, in one line.

use mmu::Errno;

use crate::event::source::EventSource;

/// Why something with events failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Xen opened no port.
    #[error("Xen refused a port for {wanted} with {errno}")]
    Open {
        /// What it was wanted for.
        wanted: EventSource,
        /// Xen's reason.
        errno: Errno,
    },
    /// Xen opened a port that this layer cannot be signalled on.
    #[error("Xen opened port {port}, and the 2-level words have {most}")]
    TooHigh {
        /// The port.
        port: u32,
        /// How many there are.
        most: u32,
    },
    /// Xen did not close a port.
    #[error("Xen refused to close port {port} with {errno}")]
    Close {
        /// The port.
        port: u32,
        /// Xen's reason.
        errno: Errno,
    },
    /// Xen did not send.
    #[error("Xen refused to send on port {port} with {errno}")]
    Send {
        /// The port.
        port: u32,
        /// Xen's reason.
        errno: Errno,
    },
    /// Xen did not unmask a port.
    #[error("Xen refused to unmask port {port} with {errno}")]
    Unmask {
        /// The port.
        port: u32,
        /// Xen's reason.
        errno: Errno,
    },
    /// There is no memory for one more handler.
    #[error("the heap has no room for the handler of port {port}")]
    NoRoom {
        /// The port.
        port: u32,
    },
    /// Xen gives no port for the timer.
    #[error("Xen refused a port for the timer with {0}")]
    Timer(Errno),
    /// Xen did not set the timer.
    #[error("Xen refused to set the timer to {until} ns with {errno}")]
    Deadline {
        /// When it was to come, in nanoseconds of the system time.
        until: u64,
        /// Xen's reason.
        errno: Errno,
    },
    /// Xen did not let the processor wait.
    #[error("Xen refused to block with {0}")]
    Block(Errno),
}
