//! The client of xenstore against the model's xenstored.

use mmu::Errno;
use xen_guest::{Guest, RequestError, WatchEvent, XenstoreError};
use xen_model::{GuestConfig, ModelMachine};

pub(crate) fn guest() -> Guest<ModelMachine> {
    GuestConfig::new(0x1800).build().unwrap().boot().unwrap().running
}

fn event(path: &str, token: &str) -> WatchEvent {
    WatchEvent { path: path.into(), token: token.into() }
}

fn errno<T: std::fmt::Debug>(result: Result<T, XenstoreError>) -> Errno {
    match result {
        Err(XenstoreError::Refused { errno, .. }) => errno,
        other => panic!("{other:?}"),
    }
}

/// What xenstored can do to the speed of things. A bite is how much it takes and gives at a time.
const PACES: [(u32, bool); 5] = [(u32::MAX, false), (u32::MAX, true), (1, false), (7, true), (1000, false)];

#[test]
fn nodes_are_read_written_made_listed_and_removed_at_any_pace() {
    for (bite, events_first) in PACES {
        let mut guest = guest();
        guest.platform_mut().slow_xenstored(bite, events_first);
        let mut store = guest.xenstore().unwrap();
        assert_eq!(store.read_text("name").unwrap(), "guest");
        assert_eq!(store.read("/local/domain/1/domid").unwrap(), b"1");
        assert_eq!(store.directory("control").unwrap().len(), 5);
        assert_eq!(store.directory("domid").unwrap(), [""; 0]);
        store.write("data/a/b", b"\0\xff").unwrap();
        store.mkdir("data/c").unwrap();
        store.mkdir("data/c").unwrap();
        assert_eq!(store.directory("data").unwrap(), ["a", "c"]);
        assert_eq!(store.read("data/a/b").unwrap(), b"\0\xff");
        assert!(store.read_text("data/a/b").is_err());
        assert_eq!(store.read("data/a").unwrap(), b"");
        store.remove("data/a").unwrap();
        store.remove("data/a").unwrap();
        assert_eq!(errno(store.read("data/a/b")), Errno::ENOENT);
        let permissions = store.permissions("data/c").unwrap();
        assert_eq!((permissions.len(), permissions[0].domain), (1, 1));
        let permissions = store.permissions("name").unwrap();
        assert_eq!((permissions[1].domain, permissions[1].read, permissions[1].write), (1, true, false));
    }
}

#[test]
fn a_refusal_says_what_was_asked() {
    let mut guest = guest();
    let mut store = guest.xenstore().unwrap();
    assert_eq!(
        store.write("name", b"other").unwrap_err().to_string(),
        "xenstore: cannot write \"name\": EACCES (-13)"
    );
    assert_eq!(
        store.read("nothing/here").unwrap_err().to_string(),
        "xenstore: cannot read \"nothing/here\": ENOENT (-2)"
    );
    assert_eq!(errno(store.read("two//slashes")), Errno::EINVAL);
    // None of this ends the conversation.
    assert_eq!(store.read("domid").unwrap(), b"1");
}

#[test]
fn what_xenstored_would_not_take_is_not_sent() {
    let mut guest = guest();
    let before = guest.hypercalls();
    let mut store = guest.xenstore().unwrap();
    let request = |result: Result<(), XenstoreError>| match result {
        Err(XenstoreError::Request { error, .. }) => error,
        other => panic!("{other:?}"),
    };
    let long = "x".repeat(3073);
    assert_eq!(request(store.write("data/a", &[0; 4090])), RequestError::TooLong { len: 4097, limit: 4096 });
    assert_eq!(request(store.mkdir(&long[..2049])), RequestError::PathTooLong { len: 2049, limit: 2048 });
    let absolute = format!("/{}", &long[..3072]);
    assert_eq!(request(store.mkdir(&absolute)), RequestError::PathTooLong { len: 3073, limit: 3072 });
    assert_eq!(request(store.mkdir("a\0b")), RequestError::Nul { what: "path", at: 1 });
    assert_eq!(request(store.watch("a", "\0")), RequestError::Nul { what: "token", at: 0 });
    assert_eq!(request(store.mkdir("")), RequestError::EmptyPath);
    assert_eq!(guest.hypercalls(), before);
    // The longest there can be goes through the ring in pieces, and comes back so.
    let mut store = guest.xenstore().unwrap();
    store.write("data/a", &[7; 4089]).unwrap();
    assert_eq!(store.read("data/a").unwrap(), [7; 4089]);
}

#[test]
fn a_watch_has_its_first_event_and_then_one_for_each_change() {
    for (bite, events_first) in PACES {
        let mut guest = guest();
        guest.platform_mut().slow_xenstored(bite, events_first);
        let mut store = guest.xenstore().unwrap();
        store.watch("data", "token").unwrap();
        assert_eq!(store.wait_event().unwrap(), event("data", "token"));
        assert_eq!(store.next_event().unwrap(), None);
        // Its own changes come too, also those of which the answer comes first.
        store.write("data/x/y", b"1").unwrap();
        assert_eq!(store.read("name").unwrap(), b"guest");
        assert_eq!(store.wait_event().unwrap(), event("data/x/y", "token"));
        assert_eq!(errno(store.watch("data", "token")), Errno::EEXIST);
        store.watch("/local/domain/1/control/shutdown", "other").unwrap();
        assert_eq!(store.wait_event().unwrap(), event("/local/domain/1/control/shutdown", "other"));
        guest.platform_mut().store_as_dom0("control/shutdown", b"halt");
        guest.platform_mut().store_later("data/late", b"");
        let mut store = guest.xenstore().unwrap();
        assert_eq!(store.wait_event().unwrap(), event("/local/domain/1/control/shutdown", "other"));
        assert_eq!(store.wait_event().unwrap(), event("data/late", "token"));
        // Of a watch that was ended nothing comes, not even what was on its way.
        store.write("data/x", b"2").unwrap();
        store.unwatch("data", "token").unwrap();
        store.write("data/x", b"3").unwrap();
        assert_eq!(store.next_event().unwrap(), None);
        assert_eq!(errno(store.unwatch("data", "token")), Errno::ENOENT);
        store.reset_watches().unwrap();
        assert_eq!(guest.platform().watches_and_transactions(), (0, 0));
    }
}

#[test]
fn an_event_that_is_waiting_is_not_kept_twice() {
    let mut guest = guest();
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "token").unwrap();
    for round in 0..100 {
        store.write("data/x", format!("{round}").as_bytes()).unwrap();
    }
    // The last event comes after the last answer.
    store.read("name").unwrap();
    assert_eq!(store.next_event().unwrap(), Some(event("data", "token")));
    assert_eq!(store.next_event().unwrap(), Some(event("data/x", "token")));
    assert_eq!(store.next_event().unwrap(), None);
}

#[test]
fn a_transaction_is_stored_as_a_whole_and_tried_again_when_others_were_in_the_way() {
    let mut guest = guest();
    guest.platform_mut().interfere(3, "data");
    let mut store = guest.xenstore().unwrap();
    let mut tries = 0;
    let sum = store.transaction(|store| {
        tries += 1;
        store.read("data")?;
        store.write("data/a", b"1")?;
        store.write("data/b", b"2")?;
        store.mkdir("data/c")?;
        store.remove("data/b")?;
        assert_eq!(store.read_text("data/a")?, "1");
        Ok(store.directory("data")?.len())
    });
    assert_eq!((sum, tries), (Ok(2), 4));
    assert_eq!(store.directory("data").unwrap(), ["a", "c"]);
    assert_eq!(guest.platform().watches_and_transactions(), (0, 0));
}

#[test]
fn a_transaction_that_fails_stores_nothing_and_leaves_none_open() {
    let mut guest = guest();
    let mut store = guest.xenstore().unwrap();
    let failed = store.transaction(|store| {
        store.write("data/a", b"1")?;
        store.write("name", b"other")
    });
    assert_eq!(errno(failed), Errno::EACCES);
    assert_eq!(errno(store.read("data/a")), Errno::ENOENT);
    assert_eq!(guest.platform().watches_and_transactions(), (0, 0));
    guest.platform_mut().interfere(u32::MAX, "data");
    let mut store = guest.xenstore().unwrap();
    let conflict = store.transaction(|store| store.read("data"));
    assert_eq!(conflict, Err(XenstoreError::Conflict { attempts: 64 }));
    assert_eq!(guest.platform().watches_and_transactions(), (0, 0));
}

#[test]
fn dom0_has_no_xenstore() {
    let mut guest = GuestConfig::dom0(0x2401).build().unwrap().boot().unwrap().running;
    assert_eq!(guest.xenstore().unwrap_err(), XenstoreError::Missing);
}
