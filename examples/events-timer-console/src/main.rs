//! Time, events and input: the wall clock, three ticks, events through a port of its own, and what somebody types on the console.
//!
//! The layer has no calls for the console's input yet, so this kernel reads its ring itself.

#![no_std]
#![no_main]

use core::{
    sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    time::Duration,
};

use xen_guest::{
    Console, DomId, EventError, EventSource, Guest, PageCount, Pfn, VirtAddr, entry, log,
    sys::{Reason, hypercall, shutdown},
};

// Numbers of public/xen.h and public/event_channel.h.
const EVENT_CHANNEL_OP: u32 = 32;
const SEND: u64 = 4;

/// How many events came. A handler may only touch what may be shared.
static CAME: AtomicU64 = AtomicU64::new(0);

entry!(main);

fn main(mut guest: Guest) -> ! {
    match time_and_events(&mut guest) {
        Ok(()) => {
            input(&mut guest);
            log::info!("verdict: SUCCESS");
        }
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

/// Shows what is typed, for two seconds.
fn input(guest: &mut Guest) {
    let Console::Ring(ring) = guest.facts().console() else { return };
    let Some(page) = shared_page(guest, ring.mfn.get()) else { return };
    log::info!("type something, or wait");
    for _ in 0..20 {
        if let Err(error) = guest.sleep(Duration::from_millis(100)) {
            log::info!("{error}");
            return;
        }
        while let Some(byte) = typed(page) {
            log::info!("you typed {byte:#x}");
            send(ring.port);
        }
    }
}

/// The address at which the layer maps the page of a machine frame: the M2P says which page it is.
fn shared_page(guest: &Guest, mfn: u64) -> Option<VirtAddr> {
    let m2p = VirtAddr::new(0xffff_8000_0000_0000 + mfn * 8);
    let pfn = Pfn::try_new(word(m2p).load(Ordering::Relaxed)).ok()?;
    guest.direct_address(pfn)
}

/// The next byte of the console's input, if there is one (`struct xencons_interface` of public/io/console.h).
fn typed(page: VirtAddr) -> Option<u8> {
    let (consumer, producer) = (half(page + 3072_u64), half(page + 3076_u64));
    let next = consumer.load(Ordering::Relaxed);
    if next == producer.load(Ordering::Acquire) {
        return None;
    }
    let at = page + u64::from(next % 1024);
    // SAFETY: the input ring is the first 1024 bytes of the console's page, which stays mapped.
    let byte = unsafe { AtomicU8::from_ptr(at.as_mut_ptr()) }.load(Ordering::Relaxed);
    consumer.store(next.wrapping_add(1), Ordering::Release);
    Some(byte)
}

fn word(at: VirtAddr) -> &'static AtomicU64 {
    // SAFETY: called with a multiple of 8 in the M2P, which stays mapped; Xen writes there atomically.
    unsafe { AtomicU64::from_ptr(at.as_mut_ptr()) }
}

fn half(at: VirtAddr) -> &'static AtomicU32 {
    // SAFETY: called with multiples of 4 in the console's page, which stays mapped.
    unsafe { AtomicU32::from_ptr(at.as_mut_ptr()) }
}

fn send(port: u32) {
    // SAFETY: Xen reads the port's number.
    let _refused = unsafe { hypercall(EVENT_CHANNEL_OP, [SEND, &raw const port as u64, 0, 0]) };
}
