//! Answers and events of xenstored, from bytes.
//!
//! *What must hold*: each function takes any bytes.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use mmu::Errno;

use crate::xenstore::error::AnswerError;

/// The names of errors, and their numbers (`xsd_errors`).
const ERRORS: [(&[u8], u16); 16] = [
    (b"EINVAL", 22),
    (b"EACCES", 13),
    (b"EEXIST", 17),
    (b"EISDIR", 21),
    (b"ENOENT", 2),
    (b"ENOMEM", 12),
    (b"ENOSPC", 28),
    (b"EIO", 5),
    (b"ENOTEMPTY", 39),
    (b"ENOSYS", 38),
    (b"EROFS", 30),
    (b"EBUSY", 16),
    (b"EAGAIN", 11),
    (b"EISCONN", 106),
    (b"E2BIG", 7),
    (b"EPERM", 1),
];

/// Something changed at a path that is watched, or may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// What changed: the path that is watched, or one below it.
    pub path: String,
    /// The token of the watch.
    pub token: String,
}

/// What a domain may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorePermission {
    /// The domain. The first permission of a node names its owner, who may do everything.
    pub domain: u16,
    /// It may read. In the first permission: all domains that no other names may.
    pub read: bool,
    /// It may write, in the same way.
    pub write: bool,
}

/// Splits bytes into strings that each end with byte 0.
fn strings(bytes: &[u8]) -> Result<impl Iterator<Item = &[u8]> + Clone, AnswerError> {
    let is_end = |byte: &u8| *byte == 0;
    let len = bytes.rsplit(is_end).next().map_or(0, <[u8]>::len);
    if len > 0 {
        return Err(AnswerError::Unterminated { len });
    }
    Ok(bytes.split_inclusive(is_end).map(|string| string.strip_suffix(b"\0").unwrap_or(string)))
}

/// Returns the only string of an answer.
fn only(bytes: &[u8]) -> Result<&[u8], AnswerError> {
    let strings = strings(bytes)?;
    let mut rest = strings.clone();
    match (rest.next(), rest.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(AnswerError::Strings { found: strings.count(), expected: 1 }),
    }
}

/// Reads text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, AnswerError> {
    core::str::from_utf8(bytes).map_err(|error| AnswerError::NotText { at: error.valid_up_to() })
}

/// Checks an answer that says nothing but that it was done.
pub(super) fn done(bytes: &[u8]) -> Result<(), AnswerError> {
    if bytes == b"OK\0" { Ok(()) } else { Err(AnswerError::NotOk { len: bytes.len() }) }
}

/// Reads the name of an error.
pub(super) fn errno(bytes: &[u8]) -> Result<Errno, AnswerError> {
    let name = only(bytes)?;
    let known = ERRORS.iter().find(|(known, _)| *known == name);
    known.map(|&(_, number)| Errno(number)).ok_or(AnswerError::UnknownError { len: name.len() })
}

/// Reads the number of a transaction.
pub(super) fn transaction(bytes: &[u8]) -> Result<u32, AnswerError> {
    let digits = only(bytes)?;
    let number = text(digits).ok().filter(|_| digits.first().is_some_and(u8::is_ascii_digit));
    let number = number.and_then(|number| number.parse().ok()).filter(|&number| number != 0);
    number.ok_or(AnswerError::NotNumber { len: digits.len() })
}

/// Reads the names of a node's children.
pub(super) fn children(bytes: &[u8]) -> Result<Vec<String>, AnswerError> {
    let mut children = Vec::new();
    for (number, name) in strings(bytes)?.enumerate() {
        if name.is_empty() || name.contains(&b'/') {
            return Err(AnswerError::NotChild { number, len: name.len() });
        }
        children.push(text(name)?.to_owned());
    }
    Ok(children)
}

/// Reads the permissions of a node.
pub(super) fn permissions(bytes: &[u8]) -> Result<Vec<StorePermission>, AnswerError> {
    let mut permissions = Vec::new();
    for (number, string) in strings(bytes)?.enumerate() {
        let Some((letter, digits)) = string.split_first() else {
            return Err(AnswerError::NotPermission { number });
        };
        let domain = text(digits).ok().filter(|_| digits.first().is_some_and(u8::is_ascii_digit));
        let domain = domain.and_then(|digits| digits.parse().ok());
        let (read, write) = match letter {
            b'n' => (false, false),
            b'r' => (true, false),
            b'w' => (false, true),
            b'b' => (true, true),
            _ => return Err(AnswerError::NotPermission { number }),
        };
        let domain = domain.ok_or(AnswerError::NotPermission { number })?;
        permissions.push(StorePermission { domain, read, write });
    }
    Ok(permissions)
}

/// Reads an event.
pub(super) fn event(bytes: &[u8]) -> Result<WatchEvent, AnswerError> {
    let strings = strings(bytes)?;
    let mut rest = strings.clone();
    match (rest.next(), rest.next(), rest.next()) {
        (Some(path), Some(token), None) => {
            Ok(WatchEvent { path: text(path)?.to_owned(), token: text(token)?.to_owned() })
        }
        _ => Err(AnswerError::Strings { found: strings.count(), expected: 2 }),
    }
}
