//! Requests and answers as docs/misc/xenstore.txt has them.

use std::string::ToString;
use std::vec::Vec;

use mmu::Errno;

use crate::xenstore::{
    answer::{self, StorePermission},
    error::AnswerError,
    header::{HEADER_LEN, Header},
    request::StoreRequest,
};

fn body(request: &StoreRequest<'_>) -> (u32, Vec<u8>) {
    let message = request.message(7, 9).unwrap();
    let header = Header::from_bytes(*message.first_chunk().unwrap());
    assert_eq!((header.id, header.transaction), (7, 9));
    assert_eq!(header.len as usize, message.len() - HEADER_LEN);
    (header.kind, message[HEADER_LEN..].to_vec())
}

#[test]
fn every_request_has_the_bytes_of_the_protocol() {
    use StoreRequest as R;
    let expected: [(StoreRequest<'_>, u32, &[u8]); 12] = [
        (R::Directory("a/b"), 1, b"a/b\0"),
        (R::Read("a"), 2, b"a\0"),
        (R::GetPermissions("a"), 3, b"a\0"),
        (R::Watch("a", "t"), 4, b"a\0t\0"),
        (R::Unwatch("a", ""), 5, b"a\0\0"),
        (R::TransactionStart, 6, b"\0"),
        (R::TransactionEnd(true), 7, b"T\0"),
        (R::TransactionEnd(false), 7, b"F\0"),
        (R::Write("a", b"v\0w"), 11, b"a\0v\0w"),
        (R::Mkdir("a"), 12, b"a\0"),
        (R::Remove("a"), 13, b"a\0"),
        (R::ResetWatches, 21, b"\0"),
    ];
    for (request, kind, bytes) in expected {
        assert_eq!(body(&request), (kind, bytes.to_vec()), "{request:?}");
    }
    let message = R::Read("ab").message(0x0102_0304, 5).unwrap();
    assert_eq!(message, b"\x02\0\0\0\x04\x03\x02\x01\x05\0\0\0\x03\0\0\0ab\0");
}

#[test]
fn the_fields_of_a_head_are_read_as_they_are_written() {
    let header = Header { kind: 0x0102_0304, id: 0x0506_0708, transaction: 0x090a_0b0c, len: 0x0d0e_0f10 };
    let bytes: Vec<u8> = header.to_bytes().concat();
    assert_eq!(bytes, [4, 3, 2, 1, 8, 7, 6, 5, 12, 11, 10, 9, 16, 15, 14, 13]);
    assert_eq!(Header::from_bytes(*bytes.first_chunk().unwrap()), header);
}

#[test]
fn an_answer_without_content_is_ok_or_wrong() {
    assert_eq!(answer::done(b"OK\0"), Ok(()));
    for bytes in [&b""[..], b"OK", b"ok\0", b"OK\0\0", b"\0"] {
        assert_eq!(answer::done(bytes), Err(AnswerError::NotOk { len: bytes.len() }));
    }
}

#[test]
fn errors_are_known_by_their_names() {
    for (name, number) in [("ENOENT", 2), ("EAGAIN", 11), ("EIO", 5), ("EISCONN", 106), ("E2BIG", 7)] {
        let errno = answer::errno(std::format!("{name}\0").as_bytes()).unwrap();
        assert_eq!((errno, errno.to_string()), (Errno(number), std::format!("{name} (-{number})")));
    }
    assert_eq!(answer::errno(b"ENOENT"), Err(AnswerError::Unterminated { len: 6 }));
    assert_eq!(answer::errno(b"ENOENT\0x\0"), Err(AnswerError::Strings { found: 2, expected: 1 }));
    assert_eq!(answer::errno(b""), Err(AnswerError::Strings { found: 0, expected: 1 }));
    assert_eq!(answer::errno(b"EWHATEVER\0"), Err(AnswerError::UnknownError { len: 9 }));
}

#[test]
fn the_number_of_a_transaction_is_a_number_and_never_none() {
    assert_eq!(answer::transaction(b"1\0"), Ok(1));
    assert_eq!(answer::transaction(b"4294967295\0"), Ok(u32::MAX));
    for bytes in [&b"0\0"[..], b"4294967296\0", b"-1\0", b"+1\0", b" 1\0", b"\0", b"x\0", b"\xff\0"] {
        assert_eq!(answer::transaction(bytes), Err(AnswerError::NotNumber { len: bytes.len() - 1 }));
    }
    assert_eq!(answer::transaction(b"17"), Err(AnswerError::Unterminated { len: 2 }));
}

#[test]
fn children_are_names_without_a_slash() {
    assert_eq!(answer::children(b"").unwrap(), [""; 0]);
    assert_eq!(answer::children(b"a\0bc\0").unwrap(), ["a", "bc"]);
    assert_eq!(answer::children(b"a\0bc"), Err(AnswerError::Unterminated { len: 2 }));
    assert_eq!(answer::children(b"a\0\0"), Err(AnswerError::NotChild { number: 1, len: 0 }));
    assert_eq!(answer::children(b"a/b\0"), Err(AnswerError::NotChild { number: 0, len: 3 }));
    assert_eq!(answer::children(b"a\xff\0"), Err(AnswerError::NotText { at: 1 }));
}

#[test]
fn permissions_are_letters_and_numbers() {
    let permission = |domain, read, write| StorePermission { domain, read, write };
    let expected = [permission(0, false, false), permission(7, true, false), permission(65535, true, true)];
    assert_eq!(answer::permissions(b"n0\0r7\0b65535\0").unwrap(), expected);
    assert_eq!(answer::permissions(b"w1\0").unwrap(), [permission(1, false, true)]);
    for bytes in [&b"\0"[..], b"x1\0", b"r\0", b"r65536\0", b"r+1\0"] {
        assert_eq!(answer::permissions(bytes), Err(AnswerError::NotPermission { number: 0 }), "{bytes:?}");
    }
}

#[test]
fn an_event_is_a_path_and_a_token() {
    let event = answer::event(b"a/b\0\0").unwrap();
    assert_eq!((event.path.as_str(), event.token.as_str()), ("a/b", ""));
    assert_eq!(answer::event(b"a\0"), Err(AnswerError::Strings { found: 1, expected: 2 }));
    assert_eq!(answer::event(b"a\0b\0c\0"), Err(AnswerError::Strings { found: 3, expected: 2 }));
    assert_eq!(answer::event(b"a\0b"), Err(AnswerError::Unterminated { len: 1 }));
    assert_eq!(answer::event(b"\xff\0b\0"), Err(AnswerError::NotText { at: 0 }));
}
