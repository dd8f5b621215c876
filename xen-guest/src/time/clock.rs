//! From the time stamp counter to nanoseconds, and the wall clock.
//!
//! *What this is*: `struct vcpu_time_info` and the wall clock of `struct shared_info` (`public/xen.h`), each read in a loop
//! until its version is even and the same before and after.
//!
//! *What must hold*: the words are never copied as a whole: Xen changes them at any time. The counter is read inside the loop.
//!
//! *What is not prevented*: a Xen that leaves a version odd keeps the reader in the loop.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::time::instant::Instant;

/// The words of a processor's time. A later load is not made before an earlier one.
pub(crate) trait TimeWords {
    /// Odd while Xen changes the others.
    fn version(&self) -> u32;

    /// The counter when the system time was what it says.
    fn stamp(&self) -> u64;

    /// The system time then, in nanoseconds.
    fn system_time(&self) -> u64;

    /// By how much the ticks are multiplied, in units of 2^-32 ns.
    fn factor(&self) -> u32;

    /// By how many bits they are shifted before: to the left, or if negative to the right.
    fn shift(&self) -> i8;
}

/// The words of the wall clock: when the system time was 0.
pub(crate) trait WallWords {
    /// Odd while Xen changes the others.
    fn version(&self) -> u32;

    /// The lower half of the seconds since 1970.
    fn low(&self) -> u32;

    /// The upper half.
    fn high(&self) -> u32;

    /// The nanoseconds after that.
    fn nanos(&self) -> u32;
}

/// Reads words of one version.
fn consistent<T>(version: impl Fn() -> u32, read: impl Fn() -> T) -> T {
    loop {
        let before = version();
        if before.is_multiple_of(2) {
            let value = read();
            if version() == before {
                return value;
            }
        }
        core::hint::spin_loop();
    }
}

/// Returns the system time in nanoseconds. `ticks` reads the counter, not before the loads that come first.
pub(crate) fn system_time(words: &impl TimeWords, ticks: impl Fn() -> u64) -> u64 {
    let (base, stamp, now, factor, shift) = consistent(
        || words.version(),
        || {
            let (base, stamp) = (words.system_time(), words.stamp());
            (base, stamp, ticks(), words.factor(), words.shift())
        },
    );
    // Another processor's counter may be a little behind the one that Xen read.
    let ticks = now.saturating_sub(stamp);
    let by = u32::from(shift.unsigned_abs());
    let ticks = if shift >= 0 { ticks.checked_shl(by) } else { ticks.checked_shr(by) };
    let nanos = (u128::from(ticks.unwrap_or(0)) * u128::from(factor)) >> 32;
    base.saturating_add(nanos as u64)
}

/// Returns how long after 1970 the system time was 0.
pub(crate) fn wall_clock_start(words: &impl WallWords) -> Duration {
    let read = || (words.low(), words.high(), words.nanos());
    let (low, high, nanos) = consistent(|| words.version(), read);
    let seconds = u64::from(high) << 32 | u64::from(low);
    Duration::from_secs(seconds).saturating_add(Duration::from_nanos(nanos.into()))
}

/// The last time that was given out: none before it is given out again.
#[derive(Debug)]
pub(crate) struct Latest(AtomicU64);

impl Latest {
    /// No time was given out.
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Returns this time, or the last one if that is later.
    pub(crate) fn at_least(&self, nanos: u64) -> Instant {
        Instant::from_nanos(self.0.fetch_max(nanos, Ordering::Relaxed).max(nanos))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::vec::Vec;

    use core::time::Duration;

    use super::{Latest, TimeWords, WallWords, system_time, wall_clock_start};

    /// What the words hold while the version is one of several, one after the other.
    #[derive(Clone, Copy)]
    struct Epoch {
        version: u32,
        stamp: u64,
        system_time: u64,
        factor: u32,
        shift: i8,
    }

    const GHZ: Epoch = Epoch { version: 2, stamp: 1000, system_time: 5_000, factor: 1 << 31, shift: 1 };

    /// Xen changes the words after so many loads.
    struct Changing {
        epochs: RefCell<Vec<Epoch>>,
        every: usize,
        loads: Cell<usize>,
    }

    impl Changing {
        fn new(epochs: &[Epoch], every: usize) -> Self {
            Self { epochs: RefCell::new(epochs.to_vec()), every, loads: Cell::new(0) }
        }

        fn now(&self) -> Epoch {
            let load = self.loads.get();
            self.loads.set(load + 1);
            let mut epochs = self.epochs.borrow_mut();
            if load > 0 && load.is_multiple_of(self.every) && epochs.len() > 1 {
                epochs.remove(0);
            }
            epochs[0]
        }
    }

    impl TimeWords for Changing {
        fn version(&self) -> u32 {
            self.now().version
        }

        fn stamp(&self) -> u64 {
            self.now().stamp
        }

        fn system_time(&self) -> u64 {
            self.now().system_time
        }

        fn factor(&self) -> u32 {
            self.now().factor
        }

        fn shift(&self) -> i8 {
            self.now().shift
        }
    }

    fn at(epoch: Epoch, ticks: u64) -> u64 {
        system_time(&Changing::new(&[epoch], 1), || ticks)
    }

    #[test]
    fn ticks_become_nanoseconds_by_shift_and_factor() {
        assert_eq!(at(GHZ, 1000), 5_000);
        assert_eq!(at(GHZ, 1000 + 123_456), 5_000 + 123_456);
        // 3 GHz: a third of a nanosecond for each tick.
        let fast = Epoch { factor: u32::MAX / 3 + 1, shift: 0, ..GHZ };
        assert_eq!(at(fast, 1000 + 3_000_000_000), 5_000 + 1_000_000_000);
        // A shift to the right loses the lowest bits first.
        let right = Epoch { factor: 1 << 31, shift: -3, ..GHZ };
        assert_eq!((at(right, 1000 + 15), at(right, 1000 + 16)), (5_000, 5_001));
        // An hour of 4 GHz does not overflow.
        let hour = 4_000_000_000 * 3600;
        assert_eq!(at(Epoch { factor: 1 << 30, shift: 0, ..GHZ }, 1000 + hour), 5_000 + 3_600_000_000_000);
    }

    #[test]
    fn a_counter_that_is_behind_and_a_shift_that_cannot_be_give_the_base() {
        assert_eq!(at(GHZ, 999), 5_000);
        for shift in [i8::MIN, -64, 64, i8::MAX] {
            assert_eq!(at(Epoch { shift, ..GHZ }, u64::MAX), 5_000, "{shift}");
        }
        assert_eq!(at(Epoch { system_time: u64::MAX - 3, ..GHZ }, 1_000_000), u64::MAX);
    }

    /// Two versions of the words, with one between that is odd and holds nothing that is right.
    #[test]
    fn a_change_at_any_load_is_not_seen_half() {
        let torn = Epoch { version: 3, stamp: 0, system_time: u64::MAX / 2, factor: u32::MAX, shift: 9 };
        let next = Epoch { version: 4, stamp: 3000, system_time: 7_000, factor: 1 << 30, shift: 0 };
        // One that changes to another even version at once, as a reader that was stopped for long may see.
        for epochs in [[GHZ, torn, next], [torn, GHZ, next], [GHZ, GHZ, next]] {
            for every in 1..20 {
                let seen = system_time(&Changing::new(&epochs, every), || 5000);
                assert!(
                    [at(GHZ, 5000), at(next, 5000)].contains(&seen),
                    "{seen} with a change every {every}"
                );
            }
        }
    }

    struct Wall(Cell<u32>);

    impl WallWords for Wall {
        fn version(&self) -> u32 {
            let version = self.0.get();
            self.0.set(version + u32::from(version < 4));
            version
        }

        fn low(&self) -> u32 {
            if self.0.get() == 4 { 7 } else { 99 }
        }

        fn high(&self) -> u32 {
            1
        }

        fn nanos(&self) -> u32 {
            500_000_000
        }
    }

    #[test]
    fn the_wall_clock_is_of_one_version_and_beyond_2106() {
        let start = Duration::new((1 << 32) + 7, 500_000_000);
        for version in 0..5 {
            assert_eq!(wall_clock_start(&Wall(Cell::new(version))), start, "from version {version}");
        }
    }

    #[test]
    fn time_never_goes_back() {
        let latest = Latest::new();
        let given = [5, 9, 7, 9, 12, 0].map(|nanos| latest.at_least(nanos).as_nanos());
        assert_eq!(given, [5, 9, 9, 9, 12, 12]);
    }
}
