//! Time and input without interrupts: the wall clock, three ticks of the timer, and what somebody types on the console.
//!
//! The layer reads the console. It does not have the rest yet, so this kernel makes those hypercalls itself. It polls: `SCHEDOP_poll` returns when an
//! event channel is pending, also while events are masked.

#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use xen_guest::{
    Console, Guest, VirtAddr, entry, layout, log,
    sys::{Reason, hypercall, shutdown},
};

// Numbers of public/xen.h, public/event_channel.h, public/sched.h.
const SET_TIMER_OP: u32 = 15;
const SCHED_OP: u32 = 29;
const EVENT_CHANNEL_OP: u32 = 32;
const BIND_VIRQ: u64 = 1;
const POLL: u64 = 3;

entry!(main);

fn main(mut guest: Guest) -> ! {
    match run(&mut guest) {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(error) => log::info!("verdict: FAILURE {error}"),
    }
    shutdown(Reason::Poweroff)
}

fn run(guest: &mut Guest) -> Result<(), &'static str> {
    log::info!("wall clock: {} s since 1970", boot_time() + now() / 1_000_000_000);
    let timer = bind_timer().ok_or("no event channel for the timer")?;
    for tick in 0..3 {
        let before = now();
        let due = before + 100_000_000;
        // Xen's periodic timer has the same event, every 10 ms, until somebody stops it.
        while now() < due {
            set_timer(due);
            poll(timer, 0);
        }
        log::info!("tick {tick} after {} us", (now() - before) / 1000);
    }
    let Console::Ring(ring) = guest.facts().console() else { return Ok(()) };
    log::info!("idle: type something, or wait");
    for _ in 0..30 {
        poll(ring.port, now() + 100_000_000);
        let mut bytes = [0; 64];
        match guest.read_console(&mut bytes) {
            Ok(0) => {}
            Ok(count) => log::info!("you typed {:?}", core::str::from_utf8(&bytes[..count])),
            Err(error) => log::info!("{error}"),
        }
    }
    Ok(())
}

/// Seconds from 1970 to the start of the host (`wc_sec` of public/xen.h; even versions are stable).
fn boot_time() -> u64 {
    let info = layout::FIXMAP;
    loop {
        let version = half(info + 0xc00_u64).load(Ordering::Acquire);
        let low = half(info + 0xc04_u64).load(Ordering::Acquire);
        let high = half(info + 0xc0c_u64).load(Ordering::Acquire);
        if version.is_multiple_of(2) && version == half(info + 0xc00_u64).load(Ordering::Acquire) {
            return u64::from(low) | u64::from(high) << 32;
        }
    }
}

/// Nanoseconds since the start of the host (`struct vcpu_time_info`).
fn now() -> u64 {
    let time = layout::FIXMAP + 32_u64;
    loop {
        let version = half(time).load(Ordering::Acquire);
        let stamp = word(time + 8_u64).load(Ordering::Acquire);
        let base = word(time + 16_u64).load(Ordering::Acquire);
        let factor = half(time + 24_u64).load(Ordering::Acquire);
        let shift = (half(time + 28_u64).load(Ordering::Acquire) & 0xff) as u8 as i8;
        // SAFETY: reads a counter; Xen lets guests.
        let ticks = unsafe { core::arch::x86_64::_rdtsc() }.wrapping_sub(stamp);
        let ticks = if shift >= 0 { ticks << shift } else { ticks >> -shift };
        if version.is_multiple_of(2) && version == half(time).load(Ordering::Acquire) {
            return base + ((u128::from(ticks) * u128::from(factor)) >> 32) as u64;
        }
    }
}

fn word(at: VirtAddr) -> &'static AtomicU64 {
    // SAFETY: called with multiples of 8 in shared_info and in the M2P, which stay mapped; others write there atomically.
    unsafe { AtomicU64::from_ptr(at.as_mut_ptr()) }
}

fn half(at: VirtAddr) -> &'static AtomicU32 {
    // SAFETY: called with multiples of 4 in shared_info and the console's page, which stay mapped.
    unsafe { AtomicU32::from_ptr(at.as_mut_ptr()) }
}

fn bind_timer() -> Option<u32> {
    // `struct evtchn_bind_virq`: VIRQ_TIMER, this processor; Xen writes the port.
    let mut request = [0_u32, 0, 0];
    // SAFETY: Xen reads two words and writes the third.
    let answer = unsafe { hypercall(EVENT_CHANNEL_OP, [BIND_VIRQ, request.as_mut_ptr() as u64, 0, 0]) };
    (answer == 0).then_some(request[2])
}

fn set_timer(at: u64) {
    // SAFETY: the argument is a number; the only effect is an event.
    let _refused = unsafe { hypercall(SET_TIMER_OP, [at, 0, 0, 0]) };
}

/// Waits until the port is pending or the time has come (0: without limit), and clears it.
fn poll(port: u32, until: u64) {
    #[repr(C)]
    struct SchedPoll {
        ports: *const u32,
        count: u32,
        until: u64,
    }
    let request = SchedPoll { ports: &raw const port, count: 1, until };
    // SAFETY: Xen reads the request and the one port in it.
    let _refused = unsafe { hypercall(SCHED_OP, [POLL, &raw const request as u64, 0, 0]) };
    let pending = word(layout::FIXMAP + 0x800_u64 + u64::from(port / 64) * 8);
    pending.fetch_and(!(1 << (port % 64)), Ordering::AcqRel);
}
