//! What the toolstack asks a running guest to do, through xenstore.
//!
//! *What this is*: the nodes `control/shutdown` and `control/sysrq` of docs/misc/xenstore-paths.pandoc. The toolstack
//! writes a word there, and waits until the guest has emptied it; then it waits for what the word says.
//!
//! *What must hold*: a word is taken in a transaction, so no second one is emptied unread. An unknown word is taken too.
//! `control/feature-…` is written for what the layer can do, and for nothing else.

mod request;
mod watched;

pub use request::ControlRequest;
pub use watched::Control;
