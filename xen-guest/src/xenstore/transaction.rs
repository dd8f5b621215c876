//! A transaction: reading and writing what nobody else changes meanwhile.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::{
    platform::Platform,
    xenstore::{answer, error::XenstoreError, request::StoreRequest, store::Xenstore},
};

/// What can be done in a transaction ([`Xenstore::transaction`]).
#[derive(Debug)]
pub struct StoreTransaction<'x, 'g, P> {
    store: &'x mut Xenstore<'g, P>,
    id: u32,
}

impl<'x, 'g, P: Platform> StoreTransaction<'x, 'g, P> {
    pub(super) const fn new(store: &'x mut Xenstore<'g, P>, id: u32) -> Self {
        Self { store, id }
    }

    /// As [`Xenstore::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read(&mut self, path: &str) -> Result<Vec<u8>, XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Read(path), |value| Ok(value.to_vec()))
    }

    /// As [`Xenstore::read_text`].
    ///
    /// # Errors
    /// As there.
    pub fn read_text(&mut self, path: &str) -> Result<String, XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Read(path), |value| answer::text(value).map(ToOwned::to_owned))
    }

    /// As [`Xenstore::write`].
    ///
    /// # Errors
    /// As there.
    pub fn write(&mut self, path: &str, value: &[u8]) -> Result<(), XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Write(path, value), answer::done)
    }

    /// As [`Xenstore::mkdir`].
    ///
    /// # Errors
    /// As there.
    pub fn mkdir(&mut self, path: &str) -> Result<(), XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Mkdir(path), answer::done)
    }

    /// As [`Xenstore::remove`].
    ///
    /// # Errors
    /// As there.
    pub fn remove(&mut self, path: &str) -> Result<(), XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Remove(path), answer::done)
    }

    /// As [`Xenstore::directory`].
    ///
    /// # Errors
    /// As there.
    pub fn directory(&mut self, path: &str) -> Result<Vec<String>, XenstoreError> {
        self.store.ask(self.id, &StoreRequest::Directory(path), answer::children)
    }
}
