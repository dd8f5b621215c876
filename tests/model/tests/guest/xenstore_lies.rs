//! A xenstored that lies, falls silent or breaks the ring: each kind of that, in place of each answer of a conversation.

use xen_guest::{AnswerError, Guest, OutOfStep, RingError, XenstoreError};
use xen_model::{ModelMachine, StoreLie};

use crate::xenstore::guest;

/// A conversation that asks for each kind of thing.
fn talk(guest: &mut Guest<ModelMachine>) -> Result<(), XenstoreError> {
    let mut store = guest.xenstore()?;
    store.watch("data", "token")?;
    store.read_text("name")?;
    store.write("data/x", b"value")?;
    store.mkdir("data/y")?;
    store.directory("data")?;
    store.permissions("data")?;
    store.transaction(|store| {
        let value = store.read("data/x")?;
        store.write("data/z", &value)
    })?;
    store.remove("data/x")?;
    store.unwatch("data", "token")?;
    // The transaction has two messages more than it shows.
    Ok(())
}

const REQUESTS: u64 = 12;

fn lies() -> Vec<StoreLie> {
    let mut lies = vec![
        StoreLie::UnknownError,
        StoreLie::EndlessError,
        StoreLie::Doubled,
        StoreLie::Nothing,
        StoreLie::BadEvents,
        StoreLie::Flood,
    ];
    lies.extend([0, 2, 15, 16, 21, 99, 0xffff, u32::MAX].map(StoreLie::Kind));
    lies.extend([1, 7, u32::MAX].map(StoreLie::Id));
    lies.extend([1, u32::MAX].map(StoreLie::Transaction));
    lies.extend([4097, 1 << 20, u32::MAX].map(StoreLie::TooLong));
    for len in [0, 1, 2, 3, 4096] {
        lies.extend([0, b'0', b'/', 0xff].map(|byte| StoreLie::Content(len, byte)));
    }
    lies.extend([0, 1, 15, 16, 17].map(StoreLie::Cut));
    for by in [1025, 1 << 31, u32::MAX] {
        lies.extend([StoreLie::AnswerIndex(by), StoreLie::RequestIndex(by)]);
    }
    lies
}

#[test]
fn every_lie_in_place_of_every_answer_is_an_error_or_harmless_and_a_reconnection_mends_all() {
    let mut guest = guest();
    talk(&mut guest).unwrap();
    assert_eq!(guest.platform().answered(), REQUESTS);
    let mut outcomes = [0; 3];
    for lie in lies() {
        for n in 1..=REQUESTS {
            guest.platform_mut().lie_at(n, lie);
            let told = talk(&mut guest);
            if let Err(error) = &told {
                assert!(!error.to_string().contains('\n'), "{lie:?}, answer {n}: {error}");
            }
            // Another request ends well, or is refused for the same reason without a byte being sent.
            let before = guest.hypercalls();
            match (guest.xenstore().unwrap().read("domid"), told) {
                (Ok(value), told) => {
                    assert_eq!(value, b"1", "{lie:?}, answer {n}");
                    outcomes[usize::from(told.is_err())] += 1;
                }
                (Err(XenstoreError::OutOfStep(why)), Err(XenstoreError::OutOfStep(first))) => {
                    assert_eq!((why, guest.hypercalls()), (first, before), "{lie:?}, answer {n}");
                    outcomes[2] += 1;
                }
                // It fell silent, or the lie came late.
                (Err(XenstoreError::NoAnswer { .. } | XenstoreError::OutOfStep(_)), _) => outcomes[2] += 1,
                (Err(other), told) => panic!("{lie:?}, answer {n}: {told:?}, then {other:?}"),
            }
            let mut store = guest.xenstore().unwrap();
            store.reconnect().unwrap();
            while !matches!(store.next_event(), Ok(None)) {}
            // What is left of the conversation.
            store.reset_watches().unwrap();
            for left in ["data/x", "data/y", "data/z"] {
                store.remove(left).unwrap();
            }
        }
    }
    assert!(outcomes.iter().all(|&count| count > 20), "{outcomes:?}");
    talk(&mut guest).unwrap();
}

#[test]
fn each_lie_is_called_what_it_is() {
    let ring = |producer| RingError { ring: "xenstore's answer", size: 1024, consumer: 0, producer };
    let content = |error| XenstoreError::Answer { operation: "read", path: "name".into(), error };
    for (lie, error) in [
        (StoreLie::Kind(99), OutOfStep::Kind { expected: 2, found: 99 }.into()),
        (StoreLie::Id(1), OutOfStep::Id { expected: 1, found: 2 }.into()),
        (StoreLie::Transaction(1), OutOfStep::Transaction { expected: 0, found: 1 }.into()),
        (StoreLie::TooLong(4097), OutOfStep::TooLong { len: 4097, limit: 4096 }.into()),
        (StoreLie::AnswerIndex(1025), OutOfStep::Ring(ring(1025)).into()),
        (StoreLie::Content(3, 0xff), content(AnswerError::NotText { at: 0 })),
        (StoreLie::UnknownError, content(AnswerError::UnknownError { len: 9 })),
        (StoreLie::EndlessError, content(AnswerError::Unterminated { len: 6 })),
    ] {
        let mut guest = guest();
        guest.platform_mut().lie_at(1, lie);
        assert_eq!(guest.xenstore().unwrap().read_text("name"), Err(error), "{lie:?}");
    }
}

#[test]
fn a_late_answer_is_dropped() {
    let mut guest = guest();
    guest.platform_mut().lie_at(1, StoreLie::Nothing);
    let mut store = guest.xenstore().unwrap();
    let no_answer = XenstoreError::NoAnswer { operation: "read", path: "name".into() };
    assert_eq!(store.read("name"), Err(no_answer));
    // The answer to the next has the number of the one that was given up.
    guest.platform_mut().lie_at(1, StoreLie::Id(u32::MAX));
    let mut store = guest.xenstore().unwrap();
    assert!(matches!(store.read("name"), Err(XenstoreError::NoAnswer { .. })));
    assert_eq!(store.read("name").unwrap(), b"guest");
}

#[test]
fn an_event_after_messages_that_are_dropped_is_not_slept_over() {
    let mut guest = guest();
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "mine").unwrap();
    store.watch("data", "ended").unwrap();
    store.wait_event().unwrap();
    store.wait_event().unwrap();
    // Both events of each change are on their way when one of the watches ends.
    guest.platform_mut().slow_xenstored(u32::MAX, true);
    guest.platform_mut().lie_at(1, StoreLie::Doubled);
    let mut store = guest.xenstore().unwrap();
    assert_eq!(store.read("name").unwrap(), b"guest");
    assert!(matches!(store.next_event(), Err(XenstoreError::OutOfStep(OutOfStep::Id { .. }))));
    store.reconnect().unwrap();
    while store.next_event().unwrap().is_some() {}
    // The late answer comes first, then the event.
    guest.platform_mut().lie_at(1, StoreLie::Nothing);
    assert!(guest.xenstore().unwrap().read("name").is_err());
    guest.platform_mut().lie_at(2, StoreLie::Late);
    let mut store = guest.xenstore().unwrap();
    assert_eq!(store.read("name").unwrap(), b"guest");
    assert_eq!(store.read("name").unwrap(), b"guest");
    guest.platform_mut().store_as_dom0("data/x", b"");
    let event = guest.xenstore().unwrap().next_event().unwrap();
    assert_eq!(event.map(|event| event.path).as_deref(), Some("data/x"));
}

#[test]
fn requests_without_an_answer_are_not_collected_without_end() {
    let mut guest = guest();
    for _ in 0..8 {
        guest.platform_mut().lie_at(1, StoreLie::Nothing);
        assert!(matches!(guest.xenstore().unwrap().read("name"), Err(XenstoreError::NoAnswer { .. })));
    }
    guest.platform_mut().lie_at(1, StoreLie::Nothing);
    assert!(guest.xenstore().unwrap().read("name").is_err());
    let why = OutOfStep::Unanswered { count: 9 };
    assert_eq!(guest.xenstore().unwrap().read("name"), Err(XenstoreError::OutOfStep(why)));
}

#[test]
fn a_xenstored_that_takes_nothing_is_named() {
    let mut guest = guest();
    guest.platform_mut().lie_at(1, StoreLie::Cut(0));
    assert!(matches!(guest.xenstore().unwrap().read("name"), Err(XenstoreError::NoAnswer { .. })));
    // 1024 bytes of requests fit; the one that is cut in the middle puts the two out of step.
    let mut store = guest.xenstore().unwrap();
    let value = [b'x'; 1001];
    assert!(matches!(store.write("data/a", &value), Err(XenstoreError::NoAnswer { .. })));
    let full = XenstoreError::Full { operation: "read", path: "name".into() };
    assert_eq!(store.read("name"), Err(full.clone()));
    assert_eq!(store.read("name"), Err(full));
    store.reconnect().unwrap();
    assert_eq!(store.read("name").unwrap(), b"guest");
    guest.platform_mut().lie_at(1, StoreLie::Cut(0));
    let mut store = guest.xenstore().unwrap();
    assert!(store.read("name").is_err());
    let why = OutOfStep::Cut { sent: 1024, len: 16 + 7 + 2000 };
    assert_eq!(store.write("data/a", &[0; 2000]), Err(XenstoreError::OutOfStep(why)));
}

#[test]
fn a_xenstored_that_cannot_reconnect_is_said_to_be_so() {
    let mut guest = guest();
    guest.platform_mut().offer_features(6);
    guest.platform_mut().lie_at(1, StoreLie::Id(1));
    let mut store = guest.xenstore().unwrap();
    assert!(matches!(store.read("name"), Err(XenstoreError::OutOfStep(OutOfStep::Id { .. }))));
    assert_eq!(store.reconnect(), Err(XenstoreError::NoReconnect { features: 6 }));
    let said = store.read("name").unwrap_err().to_string();
    assert!(
        said.contains("out of step: xenstored answered request 2 when it was asked 1; nothing more"),
        "{said}"
    );
}

#[test]
fn watches_survive_a_reconnection() {
    let mut guest = guest();
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "token").unwrap();
    store.watch("control/shutdown", "other").unwrap();
    while store.next_event().unwrap().is_some() {}
    store.reconnect().unwrap();
    let first = [store.wait_event().unwrap(), store.wait_event().unwrap()].map(|event| event.path);
    assert_eq!(first, ["data", "control/shutdown"]);
    assert_eq!(guest.platform().watches_and_transactions(), (2, 0));
}
