//! Xenstore: what the domain and the toolstack say to each other by name.
//!
//! *What this is*: the protocol of docs/misc/xenstore.txt. [`request`] and [`answer`] are its messages as bytes, without
//! any state; [`client`] sends one and waits for its answer over a [`channel::Channel`]; [`store::Xenstore`] is what a
//! payload uses.
//!
//! *What must hold*: nothing that xenstored sends is believed before it is checked: lengths, kinds, ids, missing ends of
//! strings, indices of the ring. What can only mean that the two sides count bytes differently puts the client out of
//! step: it says so, and sends nothing more until it has reconnected.
//!
//! *What is not prevented*: a xenstored that tells lies in good form.

pub(crate) mod answer;
pub(crate) mod channel;
pub(crate) mod client;
pub(crate) mod error;
pub(crate) mod events;
mod header;
mod inbox;
pub(crate) mod request;
pub(crate) mod ring_channel;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub(crate) mod transaction;
