//! Sleeps of odd lengths: none is over early.

use alloc::{format, string::String};
use core::time::Duration;

use xen_guest::{Guest, log};

const SLEEPS: u64 = 1000;
/// The lengths are less: 1.5 ms.
const LONGEST: u64 = 1_500_000;

pub(crate) fn run(guest: &mut Guest) -> Result<(), String> {
    let wall = guest.wall_clock();
    log::info!("wall clock: {} s since 1970", wall.as_secs());
    let (start, mut early, mut latest, mut asked) = (guest.now(), 0, Duration::ZERO, 0);
    for number in 0..SLEEPS {
        let nanos = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) % LONGEST;
        asked += nanos;
        let due = guest.now() + Duration::from_nanos(nanos);
        guest.sleep_until(due).map_err(|error| format!("{error}"))?;
        let now = guest.now();
        early += u64::from(now < due);
        latest = latest.max(now.since(due));
    }
    let took = guest.now().since(start);
    log::info!(
        "sleeps: {SLEEPS}, {early} early, {asked} ns asked in {} ns, the latest by {} ns",
        took.as_nanos(),
        latest.as_nanos()
    );
    if early > 0 {
        return Err(format!("{early} of {SLEEPS} sleeps were over early"));
    }
    let (ticked, passed) = (guest.wall_clock().saturating_sub(wall), guest.now().since(start));
    if ticked.abs_diff(passed) > Duration::from_millis(500) {
        return Err(format!("{passed:?} passed, and the wall clock says {ticked:?}"));
    }
    Ok(())
}
