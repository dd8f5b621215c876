//! Time, events and input: the wall clock, three ticks, events through a port of its own, and what somebody types on the console.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use xen_guest::{
    DomId, EventError, EventSource, Guest, PageCount, entry, log,
    sys::{Reason, shutdown},
};

/// How many events came. A handler may only touch what may be shared.
static CAME: AtomicU64 = AtomicU64::new(0);

entry!(main);

fn main(mut guest: Guest) -> ! {
    match time_and_events(&mut guest).and_then(|()| input(&mut guest)) {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(error) => log::info!("verdict: FAILURE {error}"),
    }
    shutdown(Reason::Poweroff)
}

fn time_and_events(guest: &mut Guest) -> Result<(), EventError> {
    log::info!("wall clock: {} s since 1970", guest.wall_clock().as_secs());
    for tick in 0..3 {
        let before = guest.now();
        guest.sleep(Duration::from_millis(100))?;
        log::info!("tick {tick} after {} us", guest.now().since(before).as_micros());
    }
    // The list of handlers is on the heap.
    if let Err(error) = guest.heap(PageCount::new(64)) {
        log::info!("no heap: {error}");
    }
    // Both ends of a port are this domain's; another would be told the number of the first.
    let far = guest.open(EventSource::Unbound { remote: DomId::SELF })?;
    let near = guest.open(EventSource::Interdomain { remote: DomId::SELF, port: far.number() })?;
    guest.on_event(&far, &|| {
        CAME.fetch_add(1, Ordering::Relaxed);
    })?;
    for _ in 0..5 {
        guest.send(&near)?;
    }
    log::info!("{} events came", CAME.load(Ordering::Relaxed));
    // They are one event for who waits, and it came before.
    let soon = guest.now() + Duration::from_millis(10);
    let first = guest.wait_for(&far, Some(soon))?;
    let second = guest.wait_for(&far, Some(soon))?;
    log::info!("waited for one: {first}, for another: {second}");
    for port in [near, far] {
        guest.close(port).map_err(|(_, error)| error)?;
    }
    Ok(())
}

/// Shows what is typed, for three seconds.
fn input(guest: &mut Guest) -> Result<(), EventError> {
    log::info!("idle: type something, or wait");
    for _ in 0..30 {
        guest.sleep(Duration::from_millis(100))?;
        let mut bytes = [0; 64];
        match guest.read_console(&mut bytes) {
            Ok(0) => {}
            Ok(count) => log::info!("you typed {:?}", core::str::from_utf8(&bytes[..count])),
            Err(error) => log::info!("{error}"),
        }
    }
    Ok(())
}
