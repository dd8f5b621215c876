//! Requests to xenstored, as bytes.
//!
//! *What must hold*: a request that is sent has the form that docs/misc/xenstore.txt gives it: xenstored ends the
//! connection of a client that sends too much. Whether a path can be is for xenstored to say.

use alloc::vec::Vec;

use crate::xenstore::{
    error::{RequestError, XenstoreError},
    header::{HEADER_LEN, Header, MAX_PAYLOAD, MessageKind},
};

/// The longest path from the root (`XENSTORE_ABS_PATH_MAX`).
const MAX_ABSOLUTE_PATH: usize = 3072;
/// The longest path from the domain's own place (`XENSTORE_REL_PATH_MAX`).
const MAX_RELATIVE_PATH: usize = 2048;
/// How much of a path an error shows.
const SHOWN: usize = 80;

/// Something to ask xenstored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreRequest<'a> {
    /// What is stored at a path?
    Read(&'a str),
    /// Store this.
    Write(&'a str, &'a [u8]),
    /// Make a node, if it does not exist.
    Mkdir(&'a str),
    /// Remove a node and all below it.
    Remove(&'a str),
    /// Which children has a node?
    Directory(&'a str),
    /// Who may do what with a node?
    GetPermissions(&'a str),
    /// Send events of a node and all below it, with this token.
    Watch(&'a str, &'a str),
    /// Send no more of them.
    Unwatch(&'a str, &'a str),
    /// Forget all watches and transactions.
    ResetWatches,
    /// Begin a transaction.
    TransactionStart,
    /// End it: keep the changes, or drop them.
    TransactionEnd(bool),
}

impl<'a> StoreRequest<'a> {
    /// Returns the kind of its message.
    pub(super) const fn kind(&self) -> MessageKind {
        match self {
            Self::Read(_) => MessageKind::Read,
            Self::Write(..) => MessageKind::Write,
            Self::Mkdir(_) => MessageKind::Mkdir,
            Self::Remove(_) => MessageKind::Remove,
            Self::Directory(_) => MessageKind::Directory,
            Self::GetPermissions(_) => MessageKind::GetPermissions,
            Self::Watch(..) => MessageKind::Watch,
            Self::Unwatch(..) => MessageKind::Unwatch,
            Self::ResetWatches => MessageKind::ResetWatches,
            Self::TransactionStart => MessageKind::TransactionStart,
            Self::TransactionEnd(_) => MessageKind::TransactionEnd,
        }
    }

    /// Returns what it does, as a verb for errors.
    pub(super) const fn operation(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Write(..) => "write",
            Self::Mkdir(_) => "make",
            Self::Remove(_) => "remove",
            Self::Directory(_) => "list",
            Self::GetPermissions(_) => "get the permissions of",
            Self::Watch(..) => "watch",
            Self::Unwatch(..) => "stop watching",
            Self::ResetWatches => "reset watches",
            Self::TransactionStart => "start a transaction",
            Self::TransactionEnd(true) => "commit a transaction",
            Self::TransactionEnd(false) => "drop a transaction",
        }
    }

    /// Returns its path; an empty one if it has none.
    pub(super) const fn path(&self) -> &'a str {
        match self {
            Self::Read(path)
            | Self::Write(path, _)
            | Self::Mkdir(path)
            | Self::Remove(path)
            | Self::Directory(path)
            | Self::GetPermissions(path)
            | Self::Watch(path, _)
            | Self::Unwatch(path, _) => path,
            Self::ResetWatches | Self::TransactionStart | Self::TransactionEnd(_) => "",
        }
    }

    /// Returns the beginning of its path, for an error.
    pub(super) fn shown(&self) -> alloc::string::String {
        self.path().chars().take(SHOWN).collect()
    }

    /// Returns the pieces of which it consists after its head.
    fn pieces(&self) -> [&'a [u8]; 4] {
        let path = self.path().as_bytes();
        match *self {
            Self::Write(_, value) => [path, b"\0", value, b""],
            Self::Watch(_, token) | Self::Unwatch(_, token) => [path, b"\0", token.as_bytes(), b"\0"],
            Self::TransactionEnd(true) => [b"T\0", b"", b"", b""],
            Self::TransactionEnd(false) => [b"F\0", b"", b"", b""],
            _ => [path, b"\0", b"", b""],
        }
    }

    /// Checks the strings, and returns how many bytes follow the head.
    fn checked_len(&self) -> Result<usize, RequestError> {
        let path = self.path();
        let has_path = !matches!(self, Self::ResetWatches | Self::TransactionStart | Self::TransactionEnd(_));
        if has_path && path.is_empty() {
            return Err(RequestError::EmptyPath);
        }
        let limit = if path.starts_with('/') { MAX_ABSOLUTE_PATH } else { MAX_RELATIVE_PATH };
        if path.len() > limit {
            return Err(RequestError::PathTooLong { len: path.len(), limit });
        }
        if let Some(at) = path.find('\0') {
            return Err(RequestError::Nul { what: "path", at });
        }
        if let Self::Watch(_, token) | Self::Unwatch(_, token) = self
            && let Some(at) = token.find('\0')
        {
            return Err(RequestError::Nul { what: "token", at });
        }
        let len = self.pieces().iter().map(|piece| piece.len()).fold(0, usize::saturating_add);
        if len > MAX_PAYLOAD {
            return Err(RequestError::TooLong { len, limit: MAX_PAYLOAD });
        }
        Ok(len)
    }

    /// Returns the message.
    ///
    /// # Errors
    /// [`XenstoreError::Request`], [`XenstoreError::NoMemory`].
    pub(super) fn message(&self, id: u32, transaction: u32) -> Result<Vec<u8>, XenstoreError> {
        let len = self.checked_len().map_err(|error| XenstoreError::Request {
            operation: self.operation(),
            path: self.shown(),
            error,
        })?;
        let mut message = Vec::new();
        let bytes = HEADER_LEN + len;
        message.try_reserve_exact(bytes).map_err(|_| XenstoreError::NoMemory { bytes })?;
        // At most MAX_PAYLOAD.
        let header = Header { kind: self.kind() as u32, id, transaction, len: len as u32 };
        header.to_bytes().iter().for_each(|word| message.extend_from_slice(word));
        self.pieces().iter().for_each(|piece| message.extend_from_slice(piece));
        Ok(message)
    }
}
