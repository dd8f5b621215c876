//! Events through a port whose other end is the guest's own: none lost, none doubled.

use alloc::{format, string::String};
use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use xen_guest::{DomId, EventError, EventPort, EventSource, Guest, log, sys::masked};

const EVENTS: u64 = 100_000;

static COUNT: AtomicU64 = AtomicU64::new(0);

fn count() {
    COUNT.fetch_add(1, Ordering::Relaxed);
}

/// Opens both ends.
pub(crate) fn open(guest: &mut Guest) -> Result<[EventPort; 2], EventError> {
    let far = guest.open(EventSource::Unbound { remote: DomId::SELF })?;
    let near = guest.open(EventSource::Interdomain { remote: DomId::SELF, port: far.number() })?;
    Ok([near, far])
}

pub(crate) fn run(guest: &mut Guest) -> Result<(), String> {
    let text = |error: EventError| format!("{error}");
    let [near, far] = open(guest).map_err(text)?;
    guest.on_event(&far, &count).map_err(text)?;
    for sent in 1..=EVENTS {
        guest.send(&near).map_err(text)?;
        let counted = COUNT.load(Ordering::Relaxed);
        if counted != sent {
            return Err(format!("{sent} events sent, {counted} counted"));
        }
    }
    log::info!("events: {EVENTS} sent, {} counted", COUNT.load(Ordering::Relaxed));
    // While events are masked, one port has one event.
    masked(|| (0..3).try_for_each(|_| guest.send(&near))).map_err(text)?;
    let counted = COUNT.load(Ordering::Relaxed);
    if counted != EVENTS + 1 {
        return Err(format!("three events in one go were counted {} times", counted - EVENTS));
    }
    // What came before is not waited for, and only once.
    let soon = guest.now() + Duration::from_millis(3);
    let waited = [guest.wait_for(&far, None), guest.wait_for(&far, Some(soon))];
    if waited != [Ok(true), Ok(false)] || guest.now() < soon {
        return Err(format!("waited for two events, of which one came: {waited:?}"));
    }
    for port in [near, far] {
        guest.close(port).map_err(|(_, error)| text(error))?;
    }
    Ok(())
}
