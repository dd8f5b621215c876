//! What a xenstored can send in place of an answer.

use crate::xenstored::{ERROR, WATCH_EVENT, message};

/// A lie, told in place of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreLie {
    /// Another kind of message.
    Kind(u32),
    /// The answer to another request.
    Id(u32),
    /// The answer in another transaction.
    Transaction(u32),
    /// More bytes announced than a message may have.
    TooLong(u32),
    /// Content that is none of an answer: its length, and the byte it consists of.
    Content(usize, u8),
    /// An error that the protocol does not have.
    UnknownError,
    /// An error without an end.
    EndlessError,
    /// Only so many bytes of the answer, and then silence.
    Cut(usize),
    /// The answer, twice.
    Doubled,
    /// Nothing.
    Nothing,
    /// The answer, and then the one to the request two before it.
    Late,
    /// Events that make no sense, and then the answer.
    BadEvents,
    /// More events than anybody keeps, and then the answer.
    Flood,
    /// The producer's index moved by so much, in place of the answer.
    AnswerIndex(u32),
    /// The index of what it has read of the requests moved by so much.
    RequestIndex(u32),
}

impl StoreLie {
    /// Returns what is sent in place of an answer.
    pub(crate) fn in_place_of(self, answer: &[u8]) -> Vec<Vec<u8>> {
        let word =
            |at: usize| u32::from_le_bytes([answer[at], answer[at + 1], answer[at + 2], answer[at + 3]]);
        let [kind, id, transaction] = [word(0), word(4), word(8)];
        let body = &answer[16..];
        match self {
            Self::Kind(other) => vec![message([other, id, transaction], body)],
            Self::Id(by) => vec![message([kind, id.wrapping_add(by), transaction], body)],
            Self::Transaction(by) => vec![message([kind, id, transaction.wrapping_add(by)], body)],
            Self::TooLong(len) => {
                let mut long = message([kind, id, transaction], body);
                long[12..16].copy_from_slice(&len.to_le_bytes());
                vec![long]
            }
            Self::Content(len, byte) => vec![message([kind, id, transaction], &vec![byte; len])],
            Self::UnknownError => vec![message([ERROR, id, transaction], b"EWHATEVER\0")],
            Self::EndlessError => vec![message([ERROR, id, transaction], b"ENOENT")],
            Self::Cut(len) => vec![answer[..len.min(answer.len())].to_vec()],
            Self::Doubled => vec![answer.to_vec(), answer.to_vec()],
            Self::Late => vec![answer.to_vec(), message([kind, id.wrapping_sub(2), transaction], body)],
            Self::Nothing | Self::AnswerIndex(_) | Self::RequestIndex(_) => Vec::new(),
            Self::BadEvents => {
                let bodies: [&[u8]; 5] = [b"", b"\0", b"data", b"data\0data", b"data\0data\0data\0"];
                let events = bodies.iter().map(|body| message([WATCH_EVENT, 0, 0], body));
                events.chain([answer.to_vec()]).collect()
            }
            Self::Flood => {
                let events = (0..200)
                    .map(|number| message([WATCH_EVENT, 0, 0], format!("data/{number}\0token\0").as_bytes()));
                events.chain([answer.to_vec()]).collect()
            }
        }
    }
}
