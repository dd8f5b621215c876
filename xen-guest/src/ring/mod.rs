//! Rings of bytes between the guest and another domain: the console's and xenstore's.
//!
//! *What this is*: two halves of one ring. A [`producer::Producer`] puts bytes in, a [`consumer::Consumer`] takes them
//! out; which bytes and indices of the page are the ring's says a [`layout::RingLayout`].
//!
//! *What must hold*: the other side may store anything at any time. So a half keeps its own index to itself and reads
//! the other side's once for each step; one that claims more than the ring holds is a [`error::RingError`], and no byte
//! outside the ring is read or written.
//!
//! *What is not prevented*: wrong bytes. What they mean is for their reader to check.

pub(crate) mod consumer;
pub(crate) mod error;
pub(crate) mod layout;
#[cfg_attr(
    not(any(target_os = "none", test)),
    expect(dead_code, reason = "used by the console, which a host build lacks")
)]
pub(crate) mod patient;
#[cfg(test)]
mod peer;
#[cfg_attr(
    not(any(target_os = "none", test, feature = "xenstore")),
    expect(dead_code, reason = "used by the console, which a host build lacks")
)]
pub(crate) mod producer;
#[cfg(test)]
mod tests;
#[cfg(all(test, not(miri)))]
mod threads;
pub(crate) mod words;
