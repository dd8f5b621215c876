//! The clock, and sleeping: no sleep is over early.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use kit::random::Random;
use xen_guest::{EventSource, Virq};

use crate::booted;

#[test]
fn no_sleep_is_over_early_and_none_lasts_much_longer() {
    let mut booted = booted();
    let mut random = Random::from(14);
    for _ in 0..1000 {
        let nanos = random.below(3_000_000_000);
        let due = booted.running.now() + Duration::from_nanos(nanos);
        booted.running.sleep_until(due).unwrap();
        let late = booted.running.now().since(due);
        assert!(
            booted.running.now() >= due && late < Duration::from_micros(100),
            "{nanos} ns, late by {late:?}"
        );
    }
    booted.running.sleep(Duration::ZERO).unwrap();
}

/// Xen lets a timer that is too far away come after 100 ms.
#[test]
fn a_timer_that_comes_early_is_set_again() {
    let mut booted = booted();
    let due = booted.running.now() + Duration::from_secs(30 * 24 * 3600);
    booted.running.sleep_until(due).unwrap();
    assert!(booted.running.now() >= due);
}

/// The timer of a wait that ended before is still set.
#[test]
fn a_timer_of_an_earlier_wait_ends_no_later_one() {
    let mut booted = booted();
    let port = booted.running.open(EventSource::Virq(Virq::Debug)).unwrap();
    let soon = booted.running.now() + Duration::from_millis(1);
    booted.machine_mut().signal_at(9, port.number());
    assert_eq!(booted.running.wait_for(&port, Some(soon)), Ok(true));
    let due = booted.running.now() + Duration::from_secs(1);
    assert_eq!(booted.running.wait_for(&port, Some(due)), Ok(false));
    assert!(booted.running.now() >= due);
}

#[test]
fn a_handler_of_the_timer_is_called_at_the_deadline() {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    fn count() {
        COUNT.fetch_add(1, Ordering::Relaxed);
    }
    let mut booted = booted();
    booted.running.on_timer(&count).unwrap();
    for slept in 1..=3 {
        booted.running.sleep(Duration::from_millis(5)).unwrap();
        assert_eq!(COUNT.load(Ordering::Relaxed), slept);
    }
}

#[test]
fn the_wall_clock_goes_as_the_clock_does() {
    let mut booted = booted();
    let (wall, now) = (booted.running.wall_clock(), booted.running.now());
    booted.running.sleep(Duration::from_secs(3600)).unwrap();
    let (later, passed) = (booted.running.wall_clock(), booted.running.now().since(now));
    assert!((later - wall).abs_diff(passed) < Duration::from_micros(1), "{:?} in {passed:?}", later - wall);
    // 2026 began then.
    assert!(wall >= Duration::from_secs(1_767_225_600));
}
