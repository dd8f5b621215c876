//! The events of watches that nobody has looked at yet.

use alloc::{borrow::ToOwned, collections::VecDeque, string::String, vec::Vec};

use crate::xenstore::{
    answer::{self, WatchEvent},
    error::XenstoreError,
};

/// How many events are kept. One that is there already is not kept twice.
const MAX_EVENTS: usize = 64;

/// What is watched, and what came of it.
#[derive(Debug)]
pub(super) struct Events {
    /// Paths and tokens.
    watched: Vec<(String, String)>,
    events: VecDeque<WatchEvent>,
    /// What was wrong with one, until it is reported.
    error: Option<XenstoreError>,
}

impl Events {
    pub(super) const fn new() -> Self {
        Self { watched: Vec::new(), events: VecDeque::new(), error: None }
    }

    /// Notes a watch.
    pub(super) fn watch(&mut self, path: &str, token: &str) {
        if !self.watches(path, token) {
            self.watched.push((path.to_owned(), token.to_owned()));
        }
    }

    /// Forgets a watch, and what came of it.
    pub(super) fn unwatch(&mut self, path: &str, token: &str) {
        self.watched.retain(|(watched, by)| (watched.as_str(), by.as_str()) != (path, token));
        let Self { watched, events, .. } = self;
        events.retain(|event| is_of(watched, event));
    }

    /// Forgets all watches.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }

    /// Forgets what came: xenstored reports every watch anew.
    pub(super) fn forget(&mut self) {
        self.events.clear();
        self.error = None;
    }

    /// Returns what is watched.
    pub(super) fn watched(&self) -> Vec<(String, String)> {
        self.watched.clone()
    }

    fn watches(&self, path: &str, token: &str) -> bool {
        self.watched.iter().any(|(watched, by)| (watched.as_str(), by.as_str()) == (path, token))
    }

    /// Keeps the event of a message. One of a watch that was ended is dropped.
    pub(super) fn keep(&mut self, payload: &[u8]) {
        match answer::event(payload) {
            Ok(event) if !is_of(&self.watched, &event) || self.events.contains(&event) => {}
            Ok(event) if self.events.len() < MAX_EVENTS => self.events.push_back(event),
            Ok(_) => self.error = Some(XenstoreError::EventsLost { limit: MAX_EVENTS }),
            Err(error) => self.error = Some(XenstoreError::Event(error)),
        }
    }

    /// Returns the next event.
    pub(super) fn next(&mut self) -> Result<Option<WatchEvent>, XenstoreError> {
        match self.error.take() {
            Some(error) => Err(error),
            None => Ok(self.events.pop_front()),
        }
    }
}

/// Tells whether an event is one of a watch: at its path, or below it.
fn is_of(watched: &[(String, String)], event: &WatchEvent) -> bool {
    watched.iter().any(|(path, token)| {
        *token == event.token
            && event.path.strip_prefix(path.as_str()).is_some_and(|below| {
                below.is_empty() || below.starts_with('/') || path.ends_with('/') || path.starts_with('@')
            })
    })
}
