//! What the toolstack asks for in `control/`.

use xen_guest::control::{Control, ControlRequest};
use xen_guest::{Guest, OutOfStep, XenstoreError};
use xen_model::{ModelMachine, StoreLie};

use crate::xenstore::guest;

/// Starts, and sees that nothing is asked for.
fn started(guest: &mut Guest<ModelMachine>) -> Control {
    let mut store = guest.xenstore().unwrap();
    let control = Control::start(&mut store).unwrap();
    assert_eq!(asked(&control, guest), None);
    control
}

/// What is asked for in the events that have come.
fn asked(control: &Control, guest: &mut Guest<ModelMachine>) -> Option<ControlRequest> {
    let mut store = guest.xenstore().unwrap();
    while let Some(event) = store.next_event().unwrap() {
        if let Some(request) = control.request(&mut store, &event).unwrap() {
            return Some(request);
        }
    }
    None
}

fn stored(guest: &Guest<ModelMachine>, path: &str) -> String {
    String::from_utf8(guest.platform().stored(path).unwrap()).unwrap()
}

#[test]
fn it_says_what_it_can_do_and_nothing_else() {
    let mut guest = guest();
    started(&mut guest);
    for (feature, value) in [("poweroff", "1"), ("reboot", "1"), ("suspend", "")] {
        assert_eq!(stored(&guest, &format!("control/feature-{feature}")), value);
    }
    // It can start again, with the same watches.
    started(&mut guest);
    assert_eq!(guest.platform().watches_and_transactions(), (2, 0));
}

#[test]
fn each_word_is_taken_once_and_leaves_an_empty_node() {
    let mut guest = guest();
    let control = started(&mut guest);
    for (word, request) in [
        ("poweroff", ControlRequest::Poweroff),
        ("reboot", ControlRequest::Reboot),
        ("halt", ControlRequest::Halt),
        ("crash", ControlRequest::Crash),
        ("suspend", ControlRequest::Suspend),
        ("s3", ControlRequest::Unknown("s3".into())),
        ("POWEROFF", ControlRequest::Unknown("POWEROFF".into())),
    ] {
        guest.platform_mut().store_as_dom0("control/shutdown", word.as_bytes());
        assert_eq!(asked(&control, &mut guest), Some(request));
        assert_eq!(stored(&guest, "control/shutdown"), "");
        assert_eq!(asked(&control, &mut guest), None);
    }
    guest.platform_mut().store_as_dom0("control/shutdown", b"\xff\xfe");
    assert!(matches!(asked(&control, &mut guest), Some(ControlRequest::Unknown(_))));
    guest.platform_mut().store_as_dom0("control/sysrq", b"h");
    assert_eq!(asked(&control, &mut guest), Some(ControlRequest::Sysrq('h')));
    assert_eq!(stored(&guest, "control/sysrq"), "");
}

#[test]
fn a_word_that_replaces_another_meanwhile_is_not_emptied_unread() {
    let mut guest = guest();
    let control = started(&mut guest);
    guest.platform_mut().store_as_dom0("control/shutdown", b"poweroff");
    guest.platform_mut().interfere(1, "control/shutdown");
    let request = asked(&control, &mut guest);
    assert_eq!(request, Some(ControlRequest::Unknown("changed 1 times more".into())));
    assert_eq!(stored(&guest, "control/shutdown"), "");
}

#[test]
fn who_waits_gets_the_request_and_the_events_of_others_are_theirs() {
    let mut guest = guest();
    let control = started(&mut guest);
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "other").unwrap();
    let event = store.wait_event().unwrap();
    assert_eq!(control.request(&mut store, &event), Ok(None));
    guest.platform_mut().store_later("data/x", b"1");
    guest.platform_mut().store_later("control/shutdown", b"halt");
    assert_eq!(control.wait(&mut guest.xenstore().unwrap()), Ok(ControlRequest::Halt));
}

#[test]
fn a_flood_of_events_hides_no_request() {
    let mut guest = guest();
    let control = started(&mut guest);
    let mut store = guest.xenstore().unwrap();
    store.watch("data", "token").unwrap();
    guest.platform_mut().lie_at(1, StoreLie::Flood);
    guest.platform_mut().store_as_dom0("control/shutdown", b"reboot");
    guest.xenstore().unwrap().read("name").unwrap();
    guest.platform_mut().store_later("control/shutdown", b"halt");
    let mut store = guest.xenstore().unwrap();
    assert_eq!(control.wait(&mut store), Ok(ControlRequest::Reboot));
    assert_eq!(control.wait(&mut store), Ok(ControlRequest::Halt));
}

/// Each index of the live ring, moved by dom0 to where it cannot be.
#[test]
fn an_index_that_dom0_corrupts_is_one_line_and_the_guest_goes_on_after_a_reconnection() {
    for (at, ours) in [(2048, false), (2052, true), (2056, true), (2060, false)] {
        for by in [1025, 1 << 31, u32::MAX] {
            let mut guest = guest();
            let control = started(&mut guest);
            let ring = guest.platform().store_ring().unwrap();
            let index = guest.platform().peek_half(ring, at);
            guest.platform_mut().poke_half(ring, at, index.wrapping_add(by));
            let mut store = guest.xenstore().unwrap();
            let error = match (store.read("name"), ours) {
                (Err(error), _) => error,
                // An index of our own was put right by the next use.
                (Ok(_), true) => continue,
                (Ok(_), false) => panic!("{at} by {by:#x}"),
            };
            // An index of what was read that is one too low only has a byte read twice.
            if !ours && (at, by) != (2048, u32::MAX) {
                assert!(matches!(error, XenstoreError::OutOfStep(OutOfStep::Ring(_))), "{error}");
            }
            assert!(!error.to_string().contains('\n'));
            store.reconnect().unwrap();
            guest.platform_mut().store_later("control/shutdown", b"poweroff");
            assert_eq!(control.wait(&mut guest.xenstore().unwrap()), Ok(ControlRequest::Poweroff));
        }
    }
}
