//! What can go wrong with xenstore.

use alloc::string::String;

use mmu::Errno;

use crate::ring::error::RingError;

/// A request that xenstored would not take. It was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A path without a byte.
    #[error("the path is empty: name a node")]
    EmptyPath,
    /// A path that is too long.
    #[error("the path has {len} bytes, and xenstore takes {limit}: shorten it")]
    PathTooLong {
        /// How long it is.
        len: usize,
        /// How long it may be: one that starts with a slash may be longer.
        limit: usize,
    },
    /// A byte that ends strings, in one.
    #[error("byte {at} of the {what} is 0, which ends it: leave it out")]
    Nul {
        /// What it stands in.
        what: &'static str,
        /// Where.
        at: usize,
    },
    /// A request that is too long.
    #[error("the request has {len} bytes, and xenstore takes {limit}: store less at one node")]
    TooLong {
        /// How long it is after its head.
        len: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// What is wrong with the content of an answer or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A string without an end.
    #[error("its last string, of {len} bytes, does not end with byte 0")]
    Unterminated {
        /// How many bytes follow the last end of a string.
        len: usize,
    },
    /// More or fewer strings than belong there.
    #[error("it has {found} strings in place of {expected}")]
    Strings {
        /// How many there are.
        found: usize,
        /// How many belong there.
        expected: usize,
    },
    /// A string that is not text.
    #[error("it is not text from byte {at} on")]
    NotText {
        /// Where the text ends.
        at: usize,
    },
    /// No number where one belongs, or one that cannot be.
    #[error("{len} bytes stand where the number of a transaction belongs, which is 1 to 4294967295")]
    NotNumber {
        /// How many bytes stand there.
        len: usize,
    },
    /// Something else than `OK`.
    #[error("it has {len} bytes in place of \"OK\"")]
    NotOk {
        /// How many bytes it has.
        len: usize,
    },
    /// An error without a name that the protocol has.
    #[error("it is an error whose name, of {len} bytes, is unknown")]
    UnknownError {
        /// How many bytes the name has.
        len: usize,
    },
    /// No child of a node has such a name.
    #[error("child {number} has a name of {len} bytes that no child can have")]
    NotChild {
        /// Which one, counted from 0.
        number: usize,
        /// How long its name is.
        len: usize,
    },
    /// Something else than a letter and a domain's number.
    #[error("permission {number} is not a letter of n, r, w, b and a domain's number")]
    NotPermission {
        /// Which one, counted from 0.
        number: usize,
    },
}

/// Why the two sides no longer agree where a message begins, or to what it is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfStep {
    /// The ring's indices cannot be.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A message that is too long.
    #[error("xenstored announced a message of {len} bytes, and the limit is {limit}")]
    TooLong {
        /// What was announced.
        len: u32,
        /// The longest there can be.
        limit: usize,
    },
    /// An answer to something that was not asked.
    #[error("xenstored answered request {found} when it was asked {expected}")]
    Id {
        /// The number of the request.
        expected: u32,
        /// The number of the answer.
        found: u32,
    },
    /// An answer in another transaction.
    #[error("xenstored answered in transaction {found} when it was asked in {expected}")]
    Transaction {
        /// The transaction of the request.
        expected: u32,
        /// The transaction of the answer.
        found: u32,
    },
    /// An answer of another kind.
    #[error("xenstored answered with a message of kind {found} to one of kind {expected}")]
    Kind {
        /// The kind of the request.
        expected: u32,
        /// The kind of the answer.
        found: u32,
    },
    /// A request of which xenstored took only the beginning.
    #[error("xenstored took {sent} of a request's {len} bytes and then no more")]
    Cut {
        /// How many bytes it took, or can take.
        sent: usize,
        /// How many there are.
        len: usize,
    },
    /// Too many requests whose answers never came.
    #[error("xenstored left {count} requests without an answer")]
    Unanswered {
        /// How many.
        count: usize,
    },
}

/// Why xenstore did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XenstoreError {
    /// The domain has no ring to xenstored.
    #[error(
        "this domain has no xenstore: dom0 has one only by a ring it makes itself, a domU by its start_info"
    )]
    Missing,
    /// The request cannot be sent.
    #[error("xenstore: cannot {operation} {path:?}: {error}")]
    Request {
        /// What was to be done.
        operation: &'static str,
        /// Where; the beginning of it, if it is long.
        path: String,
        /// Why not.
        error: RequestError,
    },
    /// xenstored refused.
    #[error("xenstore: cannot {operation} {path:?}: {errno}")]
    Refused {
        /// What was to be done.
        operation: &'static str,
        /// Where.
        path: String,
        /// Why not.
        errno: Errno,
    },
    /// The answer makes no sense. What was asked for may have been done.
    #[error("xenstore: the answer to {operation} {path:?} makes no sense: {error}")]
    Answer {
        /// What was to be done.
        operation: &'static str,
        /// Where.
        path: String,
        /// What is wrong with the answer.
        error: AnswerError,
    },
    /// A watch's event makes no sense. It was dropped.
    #[error("xenstore: the event of a watch makes no sense: {0}")]
    Event(AnswerError),
    /// There were more events than are kept. What is watched must be looked at again.
    #[error("xenstore: more than {limit} events of watches came at once: read what is watched again")]
    EventsLost {
        /// How many are kept.
        limit: usize,
    },
    /// xenstored does not take requests. This one was not sent.
    #[error("xenstore: xenstored takes no requests, so {operation} {path:?} was not sent: is it running?")]
    Full {
        /// What was to be done.
        operation: &'static str,
        /// Where.
        path: String,
    },
    /// No answer came in time. What was asked for may be done yet.
    #[error("xenstore: no answer to {operation} {path:?}: is xenstored running?")]
    NoAnswer {
        /// What was to be done.
        operation: &'static str,
        /// Where.
        path: String,
    },
    /// Others changed what a transaction used, each time it was tried.
    #[error("xenstore: a transaction met changes by others {attempts} times: try again later")]
    Conflict {
        /// How often it was tried.
        attempts: u32,
    },
    /// There is no memory for a message.
    #[error("xenstore: no {bytes} bytes for a message: give the heap more memory")]
    NoMemory {
        /// How many bytes were needed.
        bytes: usize,
    },
    /// The two sides are out of step. Every request ends like this until [`crate::Xenstore::reconnect`] succeeds.
    #[error("xenstore: out of step: {0}; nothing more is sent until the guest reconnects")]
    OutOfStep(#[from] OutOfStep),
    /// This xenstored cannot be reconnected to.
    #[error(
        "xenstore: xenstored offers no reconnection (its features are {features:#x}): restart the domain"
    )]
    NoReconnect {
        /// What it offers.
        features: u32,
    },
    /// xenstored did not reconnect.
    #[error("xenstore: xenstored did not reconnect: is it running?")]
    NotReconnected,
}
