//! A guest that is interrupted at any place: its registers and its locks are as before.
//!
//! *What this is*: Xen's periodic timer interrupts a loop that allocates, logs and computes.

use alloc::{format, string::String, vec::Vec};
use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use xen_guest::{EventError, Guest, log, sys::hypercall};

const VCPU_OP: u32 = 24;
const SET_PERIODIC_TIMER: u64 = 6;
const STOP_PERIODIC_TIMER: u64 = 7;
const TICKS: u64 = 300;

static TICKED: AtomicU64 = AtomicU64::new(0);
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Uses the heap, and sometimes the console.
fn tick() {
    let ticked = TICKED.fetch_add(1, Ordering::Relaxed) + 1;
    let piece: Vec<u64> = (0..ticked % 50).collect();
    KEPT.fetch_add(piece.iter().sum(), Ordering::Relaxed);
    if ticked.is_multiple_of(100) {
        log::info!("tick {ticked} from a handler");
    }
}

/// A period in nanoseconds; 0 stops.
#[expect(unsafe_code, reason = "the layer has no call for the periodic timer")]
fn set_period(nanos: u64) {
    let command = if nanos == 0 { STOP_PERIODIC_TIMER } else { SET_PERIODIC_TIMER };
    // SAFETY: Xen reads a word, and the only effect is an event.
    let _refused = unsafe { hypercall(VCPU_OP, [command, 0, &raw const nanos as u64, 0]) };
}

pub(crate) fn run(guest: &mut Guest) -> Result<(), String> {
    guest.on_timer(&tick).map_err(|error: EventError| format!("{error}"))?;
    set_period(1_000_000);
    let end = guest.now() + Duration::from_secs(60);
    let mut rounds = 0_u64;
    while TICKED.load(Ordering::Relaxed) < TICKS && guest.now() < end {
        rounds += 1;
        let numbers: Vec<u64> = (0..200).map(|number: u64| number.wrapping_mul(rounds)).collect();
        let sum: u64 = numbers.iter().fold(0, |sum, number| sum.wrapping_add(*number));
        if sum != rounds.wrapping_mul(199 * 100) {
            return Err(format!("round {rounds}: the sum of {} numbers is {sum}", numbers.len()));
        }
        if rounds.is_multiple_of(50_000) {
            log::info!("round {rounds}");
        }
    }
    set_period(0);
    let ticked = TICKED.load(Ordering::Relaxed);
    log::info!("interrupted: {ticked} ticks in {rounds} rounds");
    if ticked < TICKS { Err(format!("{ticked} ticks of {TICKS} in a minute")) } else { Ok(()) }
}
