//! Events: ports, where they come from, how they are found and handled.
//!
//! *What this is*: the half that turns no number into an action: the scan of Xen's words, the notes of what arrived, the
//! handlers, and the seam [`events::Events`] that real Xen (`sys`) and the model implement. What a payload calls is in `guest/events.rs`.

#[cfg(any(target_os = "none", test))]
pub(crate) mod arrived;
pub(crate) mod error;
pub(crate) mod events;
pub(crate) mod handlers;
pub(crate) mod port;
pub(crate) mod scan;
pub(crate) mod source;
