//! Ports, handlers, and waiting: no event is lost or doubled, and a refusal leaves the guest as it was.
//!
//! *What this is*: a test has events come before any step of the guest; the model fails a guest that waits for good.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use mmu::Errno;
use xen_guest::{DomId, EventError, EventPort, EventSource, Virq};
use xen_model::{Booted, Domain, GuestConfig};

use crate::booted;

/// Both ends of a port of the guest's own.
fn loopback(booted: &mut Booted) -> Result<[EventPort; 2], EventError> {
    let far = booted.running.open(EventSource::Unbound { remote: DomId::SELF })?;
    let near = booted.running.open(EventSource::Interdomain { remote: DomId::SELF, port: far.number() })?;
    Ok([near, far])
}

#[test]
fn a_boot_ends_with_events_let_through_and_every_port_masked() {
    for guest in [GuestConfig::new(64 * 256), GuestConfig::dom0(0x6000)] {
        let mut booted = guest.build().unwrap().boot().unwrap();
        assert!(booted.machine_mut().lets_events_through());
        // As domU xenstore's and the console's ports are open, and nobody handles them yet.
        let open = booted.machine().open_ports() as u32;
        assert_eq!(open, if guest.domain == Domain::Guest { 2 } else { 0 });
        (1..=open).for_each(|port| booted.machine_mut().signal(port));
        assert_eq!(booted.machine().upcalls(), 0);
        let port = booted.running.open(EventSource::Virq(Virq::Debug)).unwrap();
        let soon = booted.running.now() + Duration::from_millis(1);
        assert_eq!(booted.running.wait_for(&port, Some(soon)), Ok(false));
    }
}

#[test]
fn each_event_is_counted_once() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    fn count() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
    let mut booted = booted();
    let [near, far] = loopback(&mut booted).unwrap();
    booted.running.on_event(&far, &count).unwrap();
    for sent in 1..=1000 {
        booted.running.send(&near).unwrap();
        assert_eq!(COUNT.load(Ordering::Relaxed), sent);
    }
    // All of them are one to who waits afterwards.
    let soon = booted.running.now() + Duration::from_millis(1);
    assert_eq!(booted.running.wait_for(&far, None), Ok(true));
    assert_eq!(booted.running.wait_for(&far, Some(soon)), Ok(false));
    booted.running.close(far).unwrap();
    booted.running.send(&near).unwrap();
    assert_eq!(COUNT.load(Ordering::Relaxed), 1000, "nobody has the other end");
}

/// The event comes before each step in turn, also of the last ones, when it is the wait's only end. An event of another port
/// wakes the guest before.
#[test]
fn no_wake_up_is_lost() {
    let mut booted = booted();
    let [other, port] = loopback(&mut booted).unwrap();
    for [first, second] in (1..20).flat_map(|first| (first..25).map(move |second| [first, second])) {
        for until in [None, Some(Duration::from_millis(7))] {
            let until = until.map(|duration| booted.running.now() + duration);
            booted.machine_mut().signal_at(first, other.number());
            booted.machine_mut().signal_at(second, port.number());
            let came = booted.running.wait_for(&port, until);
            assert_eq!(came, Ok(true), "before steps {first} and {second}");
            assert!(
                until.is_none_or(|until| booted.running.now() < until),
                "{first} and {second}: it was the timer"
            );
            assert!(booted.machine_mut().lets_events_through());
        }
    }
}

/// Others end no wait, whenever they come.
#[test]
fn only_the_port_that_is_waited_for_ends_a_wait() {
    for step in 1..30 {
        let mut booted = booted();
        let [near, far] = loopback(&mut booted).unwrap();
        assert_eq!(booted.running.wait_for(&near, None), Ok(true), "a port that was just bound is signalled");
        let until = booted.running.now() + Duration::from_millis(3);
        booted.machine_mut().signal_at(step, near.number());
        booted.machine_mut().signal_at(step + 3, near.number());
        assert_eq!(booted.running.wait_for(&far, Some(until)), Ok(false), "before step {step}");
        assert!(booted.running.now() >= until, "before step {step}");
        // The first of some is told, and the others are kept.
        booted.running.send(&near).unwrap();
        let both = [&far, &near];
        assert_eq!(booted.running.wait_for_any(&both, None), Ok(Some(0)));
        assert_eq!(booted.running.wait_for_any(&both, None), Ok(Some(1)));
    }
}

#[test]
fn a_closed_port_leaves_nothing_to_the_next_with_its_number() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    fn count() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
    let mut booted = booted();
    let source = EventSource::Virq(Virq::Debug);
    let port = booted.running.open(source).unwrap();
    let number = port.number();
    booted.running.on_event(&port, &count).unwrap();
    booted.machine_mut().signal(number);
    booted.running.close(port).unwrap();
    let port = booted.running.open(source).unwrap();
    assert_eq!(port.number(), number);
    let soon = booted.running.now() + Duration::from_millis(1);
    assert_eq!(booted.running.wait_for(&port, Some(soon)), Ok(false), "the event of the first");
    booted.machine_mut().signal(number);
    assert_eq!((booted.running.wait_for(&port, None), COUNT.load(Ordering::Relaxed)), (Ok(true), 1));
}

/// Everything a payload does with events.
fn everything(booted: &mut Booted) -> Result<(), EventError> {
    let [near, far] = loopback(booted)?;
    let result = use_both(booted, &near, &far);
    for port in [near, far] {
        // A refused one is closed at the second try.
        if let Err((port, error)) = booted.running.close(port) {
            assert!(matches!(error, EventError::Close { .. }), "{error}");
            booted.running.close(port).unwrap();
        }
    }
    result
}

fn use_both(booted: &mut Booted, near: &EventPort, far: &EventPort) -> Result<(), EventError> {
    booted.running.on_event(far, &|| {})?;
    booted.running.send(near)?;
    assert!(booted.running.wait_for(far, None)?);
    let soon = booted.running.now() + Duration::from_micros(100);
    assert!(!booted.running.wait_for(far, Some(soon))?);
    booted.running.sleep(Duration::from_micros(77))
}

#[test]
fn a_refused_request_leaves_the_guest_as_it_was() {
    let mut fresh = booted();
    let before = fresh.machine().calls();
    everything(&mut fresh).unwrap();
    let (calls, mut refused) = (fresh.machine().calls() - before, 0);
    for call in 1..=calls {
        let mut booted = booted();
        let ports = booted.machine().open_ports();
        booted.machine_mut().refuse_at(call, Errno::ENOMEM);
        if let Err(error) = everything(&mut booted) {
            let line = error.to_string();
            assert!(line.starts_with("Xen refused ") && line.ends_with("with ENOMEM (-12)"), "{line}");
            refused += 1;
        }
        assert!(booted.machine_mut().lets_events_through(), "after the refusal of call {call}");
        everything(&mut booted).unwrap();
        // The timer's port stays, and one of a loopback whose second end was refused.
        let left = booted.machine().open_ports() - ports;
        assert!(left <= 2, "{left} ports are left after the refusal of call {call}");
    }
    assert!(
        refused >= calls - 2,
        "{refused} of {calls} refusals were told; the two of closing are tried again"
    );
}

#[test]
fn a_refused_port_is_told_with_what_it_was_for() {
    let mut booted = booted();
    let line = |error: EventError| error.to_string();
    for (source, expected) in [
        (
            EventSource::Interdomain { remote: DomId::SELF, port: 99 },
            "Xen refused a port for port 99 of this domain with EINVAL (-22)",
        ),
        (
            EventSource::Interdomain { remote: DomId::new(7), port: 1 },
            "Xen refused a port for port 1 of domain 7 with ESRCH (-3)",
        ),
    ] {
        assert_eq!(booted.running.open(source).map_err(line), Err(expected.to_owned()));
    }
    let debug = booted.running.open(EventSource::Virq(Virq::Debug)).unwrap();
    let again = booted.running.open(EventSource::Virq(Virq::Debug)).map_err(line);
    assert_eq!(again, Err("Xen refused a port for VIRQ Debug with EEXIST (-17)".to_owned()));
    let sent = booted.running.send(&debug).map_err(line);
    assert_eq!(sent, Err(format!("Xen refused to send on port {} with EINVAL (-22)", debug.number())));
    // As many as a domU may have: ports 1 to 1023, of which three are open.
    let unbound = EventSource::Unbound { remote: DomId::new(0) };
    let opened = (0..).take_while(|_| booted.running.open(unbound).is_ok()).count();
    assert_eq!(opened, 1020);
    let full = booted.running.open(unbound).map_err(line);
    assert_eq!(full, Err("Xen refused a port for domain 0 to bind with ENOSPC (-28)".to_owned()));
}
