//! The client on a channel that gives good answers, damaged ones, parts of them, events, noise and errors.
//!
//! More by hand: `FUZZ_ROUNDS=10000000 FUZZ_SEED=1 cargo test --release --package xen-guest xenstore::tests::noise`.

use std::collections::VecDeque;

use kit::random::{Random, repeat};

use crate::ring::error::RingError;
use crate::xenstore::{
    answer,
    channel::Channel,
    client::StoreClient,
    error::XenstoreError,
    header::{HEADER_LEN, Header, MessageKind},
    request::StoreRequest,
};

/// How often a client may wait for one request.
const PATIENCE: u32 = 20;

/// The other side of the ring.
struct Noise {
    random: Random,
    /// How many in a hundred messages are as they must be.
    good: u64,
    input: std::vec::Vec<u8>,
    output: VecDeque<u8>,
    waits: u32,
}

impl Noise {
    fn message(&mut self, kind: u32, asked: Header, body: &[u8]) {
        let mut header = Header { kind, len: body.len() as u32, ..asked };
        if self.random.below(100) >= self.good {
            let odd = self.random.edge() as u32;
            match self.random.below(8) {
                0 => header.kind = odd,
                1 => header.id = odd,
                2 => header.transaction = odd,
                3 => header.len = odd,
                4 => header.len = header.len.wrapping_add(self.random.below(9) as u32).wrapping_sub(4),
                5 => header.id = header.id.wrapping_sub(self.random.below(4) as u32),
                _ => header.kind = self.random.below(25) as u32,
            }
        }
        let bytes = header.to_bytes().concat();
        let all = bytes.len() + body.len();
        let keep = if self.random.below(100) >= self.good { self.random.index(all + 1) } else { all };
        self.output.extend(bytes.iter().chain(body).take(keep));
    }

    fn answer(&mut self) {
        while let Some(head) = self.input.first_chunk::<HEADER_LEN>() {
            let asked = Header::from_bytes(*head);
            let whole = HEADER_LEN + asked.len as usize;
            if self.input.len() < whole {
                break;
            }
            self.input.drain(..whole);
            for _ in 0..self.random.below(4) {
                let event = Header { id: 0, transaction: 0, ..asked };
                let body =
                    self.random.of(&[&b"data\0token\0"[..], b"data/x\0token\0", b"a\0b\0", b"a", b"\0\0\0"]);
                self.message(MessageKind::WatchEvent as u32, event, body);
            }
            let body = self.random.of(&[&b"OK\0"[..], b"1\0", b"value", b"a\0b\0", b"", b"\xff"]);
            let kind = if self.random.one_in(5) { MessageKind::Error as u32 } else { asked.kind };
            let body = if kind == asked.kind {
                body
            } else {
                self.random.of(&[&b"ENOENT\0"[..], b"EAGAIN\0", b"E"])
            };
            self.message(kind, asked, body);
        }
    }

    fn broken(&mut self) -> Result<(), RingError> {
        if self.random.below(10_000) >= 9_900 + self.good {
            return Err(RingError { ring: "noise", size: 1024, consumer: 0, producer: 1025 });
        }
        Ok(())
    }
}

impl Channel for Noise {
    type Patience = u32;

    fn send(&mut self, bytes: &[u8]) -> Result<usize, RingError> {
        self.broken()?;
        let count = self.random.index(bytes.len() + 1);
        self.input.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn receive(&mut self, bytes: &mut [u8]) -> Result<usize, RingError> {
        self.broken()?;
        let count = self.random.index(bytes.len().min(self.output.len()) + 1);
        for byte in &mut bytes[..count] {
            *byte = self.output.pop_front().unwrap();
        }
        Ok(count)
    }

    fn notify(&mut self) {
        self.answer();
    }

    fn patience(&self) -> u32 {
        PATIENCE
    }

    fn wait(&mut self, patience: &mut u32) -> bool {
        self.waits += 1;
        *patience = patience.wrapping_sub(1);
        *patience != 0
    }

    fn begin_reconnect(&mut self) -> Result<(), u32> {
        if self.random.one_in(4) { Err(0) } else { Ok(()) }
    }

    fn is_reconnected(&mut self) -> bool {
        self.input.clear();
        self.output.clear();
        self.random.one_in(2)
    }
}

#[test]
fn whatever_comes_a_request_ends_and_a_client_out_of_step_sends_nothing() {
    repeat("xenstore client", if cfg!(miri) { 20 } else { 5_000 }, |random| {
        let mut noise = Noise {
            good: random.of(&[0, 50, 90, 99, 100]),
            random: random.clone(),
            input: std::vec::Vec::new(),
            output: VecDeque::new(),
            waits: 0,
        };
        let mut client = StoreClient::new();
        client.watch("data", "token");
        for _ in 0..30 {
            let request = random.of(&[
                StoreRequest::Read("name"),
                StoreRequest::Write("data/x", &[7; 300]),
                StoreRequest::Directory("data"),
                StoreRequest::TransactionStart,
            ]);
            noise.waits = 0;
            let before = noise.input.len();
            let asked = client.ask(&mut noise, random.below(2) as u32, &request, |bytes| {
                answer::children(bytes).map(|children| children.len())
            });
            assert!(noise.waits <= PATIENCE);
            if let Err(XenstoreError::OutOfStep(why)) = asked {
                let left = (noise.input.len(), noise.output.len());
                let again = client.ask(&mut noise, 0, &StoreRequest::Read("name"), answer::done);
                assert_eq!(again, Err(XenstoreError::OutOfStep(why)));
                assert_eq!(left, (noise.input.len(), noise.output.len()), "{before}");
                if client.reconnect(&mut noise).is_ok() {
                    // Events of a bad form are no reason to be out of step again.
                    let event = client.next_event(&mut noise);
                    assert!(
                        noise.good < 100 || !matches!(event, Err(XenstoreError::OutOfStep(_))),
                        "{event:?}"
                    );
                }
            }
            for _ in 0..random.below(4) {
                // An event is one of the watch.
                if let Ok(Some(event)) = client.next_event(&mut noise) {
                    assert!(event.token == "token" && event.path.starts_with("data"));
                }
            }
        }
    });
}
