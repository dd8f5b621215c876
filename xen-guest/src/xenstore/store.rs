//! Xenstore, as a payload uses it.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use mmu::Errno;

use crate::{
    boot::rings::DomainRing,
    platform::Platform,
    xenstore::{
        answer::{self, StorePermission, WatchEvent},
        client::StoreClient,
        error::{AnswerError, XenstoreError},
        request::StoreRequest,
        ring_channel::{RingChannel, StoreHalves},
        transaction::StoreTransaction,
    },
};

/// How often a transaction is tried.
const ATTEMPTS: u32 = 64;

/// The conversation with xenstored, and how far its ring was used.
#[derive(Debug)]
pub(crate) struct StoreState {
    halves: Option<StoreHalves>,
    client: StoreClient,
}

impl StoreState {
    pub(crate) const fn new() -> Self {
        Self { halves: None, client: StoreClient::new() }
    }
}

/// Xenstore. A path that does not start with a slash is below the domain's own place, `/local/domain/` and its number.
#[derive(Debug)]
pub struct Xenstore<'g, P> {
    channel: RingChannel<'g, P>,
    client: &'g mut StoreClient,
}

impl<'g, P: Platform> Xenstore<'g, P> {
    pub(crate) fn new(platform: &'g mut P, ring: &'g DomainRing, state: &'g mut StoreState) -> Self {
        let StoreState { halves, client } = state;
        Self { channel: RingChannel::new(platform, ring, halves), client }
    }

    /// Asks in a transaction, or in none.
    pub(super) fn ask<T>(
        &mut self,
        transaction: u32,
        request: &StoreRequest<'_>,
        read: impl Fn(&[u8]) -> Result<T, AnswerError>,
    ) -> Result<T, XenstoreError> {
        self.client.ask(&mut self.channel, transaction, request, read)
    }

    /// Returns what is stored at a path.
    ///
    /// # Errors
    /// [`XenstoreError::Refused`] with `ENOENT` if there is no such node, with `EACCES` if the domain may not read it;
    /// otherwise as [`XenstoreError`] says.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>, XenstoreError> {
        self.ask(0, &StoreRequest::Read(path), |value| Ok(value.to_vec()))
    }

    /// Returns the text that is stored at a path.
    ///
    /// # Errors
    /// As [`Xenstore::read`], and [`XenstoreError::Answer`] if it is no text.
    pub fn read_text(&mut self, path: &str) -> Result<String, XenstoreError> {
        self.ask(0, &StoreRequest::Read(path), |value| answer::text(value).map(ToOwned::to_owned))
    }

    /// Stores a value at a path. Missing nodes are made, empty.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn write(&mut self, path: &str, value: &[u8]) -> Result<(), XenstoreError> {
        self.ask(0, &StoreRequest::Write(path, value), answer::done)
    }

    /// Makes an empty node, if it does not exist.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn mkdir(&mut self, path: &str) -> Result<(), XenstoreError> {
        self.ask(0, &StoreRequest::Mkdir(path), answer::done)
    }

    /// Removes a node and all below it.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn remove(&mut self, path: &str) -> Result<(), XenstoreError> {
        self.ask(0, &StoreRequest::Remove(path), answer::done)
    }

    /// Returns the names of a node's children.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn directory(&mut self, path: &str) -> Result<Vec<String>, XenstoreError> {
        self.ask(0, &StoreRequest::Directory(path), answer::children)
    }

    /// Returns who may do what with a node.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn permissions(&mut self, path: &str) -> Result<Vec<StorePermission>, XenstoreError> {
        self.ask(0, &StoreRequest::GetPermissions(path), answer::permissions)
    }

    /// Has events sent when a node or one below it changes, each with this token. The first comes at once.
    ///
    /// # Errors
    /// [`XenstoreError::Refused`] with `EEXIST` if the path is watched with this token already; otherwise as
    /// [`XenstoreError`] says.
    pub fn watch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        // The first event may come before the answer.
        self.client.watch(path, token);
        let watched = self.ask(0, &StoreRequest::Watch(path, token), answer::done);
        if watched.is_err() && !matches!(watched, Err(XenstoreError::Refused { errno: Errno::EEXIST, .. })) {
            self.client.unwatch(path, token);
        }
        watched
    }

    /// Has no more events sent.
    ///
    /// # Errors
    /// As [`XenstoreError`] says.
    pub fn unwatch(&mut self, path: &str, token: &str) -> Result<(), XenstoreError> {
        self.ask(0, &StoreRequest::Unwatch(path, token), answer::done)?;
        self.client.unwatch(path, token);
        Ok(())
    }

    /// Has xenstored forget all watches and transactions of this domain, also those of whoever ran in it before.
    ///
    /// # Errors
    /// As [`XenstoreError`] says. Not every xenstored can do this (`ENOSYS`).
    pub fn reset_watches(&mut self) -> Result<(), XenstoreError> {
        self.ask(0, &StoreRequest::ResetWatches, answer::done)?;
        self.client.forget_watches();
        Ok(())
    }

    /// Returns the next event of a watch, if one has come.
    ///
    /// # Errors
    /// [`XenstoreError::Event`] and [`XenstoreError::EventsLost`], after which there may be more events;
    /// [`XenstoreError::OutOfStep`].
    pub fn next_event(&mut self) -> Result<Option<WatchEvent>, XenstoreError> {
        self.client.next_event(&mut self.channel)
    }

    /// Blocks until an event of a watch comes.
    ///
    /// # Errors
    /// As [`Xenstore::next_event`].
    pub fn wait_event(&mut self) -> Result<WatchEvent, XenstoreError> {
        loop {
            if let Some(event) = self.next_event()? {
                return Ok(event);
            }
            self.channel.block();
        }
    }

    /// Runs a transaction: others see either all that it stored or nothing. If they changed what it used, it runs again.
    /// If it returns an error, nothing of it is stored.
    ///
    /// # Errors
    /// What it returned; [`XenstoreError::Conflict`] after many attempts; otherwise as [`XenstoreError`] says.
    pub fn transaction<T>(
        &mut self,
        mut body: impl FnMut(&mut StoreTransaction<'_, 'g, P>) -> Result<T, XenstoreError>,
    ) -> Result<T, XenstoreError> {
        for _ in 0..ATTEMPTS {
            let id = self.ask(0, &StoreRequest::TransactionStart, answer::transaction)?;
            let result = body(&mut StoreTransaction::new(self, id));
            let ended = self.ask(id, &StoreRequest::TransactionEnd(result.is_ok()), answer::done);
            match (result, ended) {
                // Whether it was dropped or not, it is not stored.
                (Err(error), _) => return Err(error),
                (Ok(value), Ok(())) => return Ok(value),
                (Ok(_), Err(XenstoreError::Refused { errno: Errno::EAGAIN, .. })) => {}
                (Ok(_), Err(error)) => return Err(error),
            }
        }
        Err(XenstoreError::Conflict { attempts: ATTEMPTS })
    }

    /// Starts a new conversation after the two sides got out of step. What was watched is watched again, and every watch
    /// has its first event again.
    ///
    /// # Errors
    /// [`XenstoreError::NoReconnect`] if xenstored cannot do this, [`XenstoreError::NotReconnected`] if it does not.
    pub fn reconnect(&mut self) -> Result<(), XenstoreError> {
        self.client.reconnect(&mut self.channel)
    }
}
