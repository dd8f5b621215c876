//! One request at a time, and the answer to it.
//!
//! *What must hold*: an answer is used only if it repeats the number, the transaction and the kind of the request. Events
//! that come before it are kept. A request that was given up is remembered, and its late answer dropped.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use mmu::Errno;

use crate::xenstore::{
    answer::{self, WatchEvent},
    channel::Channel,
    error::{AnswerError, OutOfStep, XenstoreError},
    events::Events,
    header::{Header, MessageKind},
    inbox::{Inbox, StoreMessage},
    request::StoreRequest,
};

/// How many requests may be given up before the two sides count as out of step.
const MAX_LATE: usize = 8;
/// How many messages that are no event of a watch are dropped before an event is said to be lost.
const MAX_DROPPED: usize = 256;

/// What is known of the conversation with xenstored.
#[derive(Debug)]
pub(crate) struct StoreClient {
    last_id: u32,
    inbox: Inbox,
    events: Events,
    /// The numbers of requests whose answers may still come.
    late: ArrayVec<u32, MAX_LATE>,
    out_of_step: Option<OutOfStep>,
}

impl StoreClient {
    pub(crate) const fn new() -> Self {
        Self {
            last_id: 0,
            inbox: Inbox::new(),
            events: Events::new(),
            late: ArrayVec::new_const(),
            out_of_step: None,
        }
    }

    /// Asks xenstored, and returns what `read` makes of the answer.
    ///
    /// # Errors
    /// [`XenstoreError`]: what xenstored refused, or why there is no answer that can be used.
    pub(super) fn ask<T>(
        &mut self,
        channel: &mut impl Channel,
        transaction: u32,
        request: &StoreRequest<'_>,
        read: impl Fn(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, XenstoreError> {
        self.check_step()?;
        self.last_id = self.last_id.wrapping_add(1);
        let asked = Header { kind: request.kind() as u32, id: self.last_id, transaction, len: 0 };
        let message = request.message(asked.id, transaction)?;
        let mut patience = channel.patience();
        let payload = self
            .send(channel, &mut patience, &message, request)
            .and_then(|()| self.answer(channel, &mut patience, asked, request))
            .inspect_err(|error| self.note(error))?;
        read(&payload).map_err(|error| unreadable(request, error))
    }

    /// Notes a watch of xenstored's, once it has one.
    pub(super) fn watch(&mut self, path: &str, token: &str) {
        self.events.watch(path, token);
    }

    /// Forgets a watch.
    pub(super) fn unwatch(&mut self, path: &str, token: &str) {
        self.events.unwatch(path, token);
    }

    /// Forgets all watches.
    pub(super) fn forget_watches(&mut self) {
        self.events.clear();
    }

    /// Returns the next event of a watch, if one has come.
    ///
    /// # Errors
    /// [`XenstoreError::Event`], [`XenstoreError::EventsLost`], [`XenstoreError::OutOfStep`],
    /// [`XenstoreError::NoMemory`].
    pub(super) fn next_event(
        &mut self,
        channel: &mut impl Channel,
    ) -> Result<Option<WatchEvent>, XenstoreError> {
        for _ in 0..MAX_DROPPED {
            if let Some(event) = self.events.next()? {
                return Ok(Some(event));
            }
            self.check_step()?;
            if !self.take_one(channel).inspect_err(|error| self.note(error))? {
                return Ok(None);
            }
        }
        // So much that is of no use hides what is.
        Err(XenstoreError::EventsLost { limit: MAX_DROPPED })
    }

    /// Starts a new conversation, with the watches there were.
    ///
    /// # Errors
    /// [`XenstoreError::NoReconnect`], [`XenstoreError::NotReconnected`], and as [`StoreClient::ask`] for a watch.
    pub(super) fn reconnect(&mut self, channel: &mut impl Channel) -> Result<(), XenstoreError> {
        channel.begin_reconnect().map_err(|features| XenstoreError::NoReconnect { features })?;
        let mut patience = channel.patience();
        while !channel.is_reconnected() {
            if !channel.wait(&mut patience) {
                return Err(XenstoreError::NotReconnected);
            }
        }
        self.begin_again(channel)
    }

    /// Begins again on streams that start afresh, with the watches there were.
    ///
    /// # Errors
    /// As [`StoreClient::ask`] for a watch.
    pub(super) fn begin_again(&mut self, channel: &mut impl Channel) -> Result<(), XenstoreError> {
        self.inbox = Inbox::new();
        self.late.clear();
        self.out_of_step = None;
        self.events.forget();
        for (path, token) in self.events.watched() {
            match self.ask(channel, 0, &StoreRequest::Watch(&path, &token), answer::done) {
                // It has survived.
                Err(XenstoreError::Refused { errno: Errno::EEXIST, .. }) => {}
                other => other?,
            }
        }
        Ok(())
    }

    const fn check_step(&self) -> Result<(), XenstoreError> {
        match self.out_of_step {
            Some(why) => Err(XenstoreError::OutOfStep(why)),
            None => Ok(()),
        }
    }

    /// Remembers what an error means for later requests.
    fn note(&mut self, error: &XenstoreError) {
        match error {
            XenstoreError::OutOfStep(why) => self.out_of_step = Some(*why),
            XenstoreError::NoAnswer { .. } | XenstoreError::NoMemory { .. } => self.note_late(),
            _ => {}
        }
    }

    /// Remembers that the last request was given up.
    fn note_late(&mut self) {
        if self.late.try_push(self.last_id).is_err() {
            self.out_of_step = Some(OutOfStep::Unanswered { count: MAX_LATE + 1 });
        }
    }

    /// Sends a whole message. Meanwhile xenstored can get rid of its own.
    fn send<C: Channel>(
        &mut self,
        channel: &mut C,
        patience: &mut C::Patience,
        message: &[u8],
        request: &StoreRequest<'_>,
    ) -> Result<(), XenstoreError> {
        let (mut sent, len) = (0, message.len());
        loop {
            sent += channel.send(message.get(sent..).unwrap_or_default()).map_err(OutOfStep::Ring)?;
            channel.notify();
            if sent == len {
                return Ok(());
            }
            self.take_one(channel)?;
            if !channel.wait(patience) {
                let (operation, path) = (request.operation(), request.shown());
                return Err(match sent {
                    0 => XenstoreError::Full { operation, path },
                    sent => OutOfStep::Cut { sent, len }.into(),
                });
            }
        }
    }

    /// Waits for the answer, and returns what follows its head.
    fn answer<C: Channel>(
        &mut self,
        channel: &mut C,
        patience: &mut C::Patience,
        asked: Header,
        request: &StoreRequest<'_>,
    ) -> Result<Vec<u8>, XenstoreError> {
        loop {
            match self.inbox.take(channel)? {
                Some(message)
                    if message.header.id == asked.id && !message.header.is(MessageKind::WatchEvent) =>
                {
                    return checked(message, asked, request);
                }
                Some(message) => self.sort(&message, asked.id)?,
                None => {}
            }
            // Whatever comes in place of the answer, it is not waited for without end.
            if !channel.wait(patience) {
                return Err(XenstoreError::NoAnswer {
                    operation: request.operation(),
                    path: request.shown(),
                });
            }
        }
    }

    /// Takes a message that comes while no answer is expected, and tells whether there was one.
    fn take_one(&mut self, channel: &mut impl Channel) -> Result<bool, XenstoreError> {
        match self.inbox.take(channel)? {
            Some(message) => self.sort(&message, self.last_id).map(|()| true),
            None => Ok(false),
        }
    }

    /// Keeps an event, and drops a late answer.
    fn sort(&mut self, message: &StoreMessage, expected: u32) -> Result<(), XenstoreError> {
        let found = message.header.id;
        if message.header.is(MessageKind::WatchEvent) {
            self.events.keep(&message.payload);
        } else if let Some(place) = self.late.iter().position(|&late| late == found) {
            self.late.swap_remove(place);
        } else {
            return Err(OutOfStep::Id { expected, found }.into());
        }
        Ok(())
    }
}

/// Checks that a message is the answer to what was asked, and returns what follows its head.
fn checked(
    message: StoreMessage,
    asked: Header,
    request: &StoreRequest<'_>,
) -> Result<Vec<u8>, XenstoreError> {
    let StoreMessage { header, payload } = message;
    if header.transaction != asked.transaction {
        return Err(OutOfStep::Transaction { expected: asked.transaction, found: header.transaction }.into());
    }
    if header.is(MessageKind::Error) {
        let errno = answer::errno(&payload).map_err(|error| unreadable(request, error))?;
        let (operation, path) = (request.operation(), request.shown());
        return Err(XenstoreError::Refused { operation, path, errno });
    }
    if header.kind != asked.kind {
        return Err(OutOfStep::Kind { expected: asked.kind, found: header.kind }.into());
    }
    Ok(payload)
}

fn unreadable(request: &StoreRequest<'_>, error: AnswerError) -> XenstoreError {
    XenstoreError::Answer { operation: request.operation(), path: request.shown(), error }
}
