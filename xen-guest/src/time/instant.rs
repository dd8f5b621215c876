//! A moment of the system time.

use core::{fmt, ops::Add, time::Duration};

/// A moment, in nanoseconds of Xen's system time: since the host started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// Makes a moment from nanoseconds.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Returns its nanoseconds.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns how long after another moment this is; zero if it is before.
    #[must_use]
    pub const fn since(self, before: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(before.0))
    }
}

/// A moment that is too far away is the last there is, in the year 2554.
impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:09} s", self.0 / 1_000_000_000, self.0 % 1_000_000_000)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::string::ToString;

    use super::Instant;

    #[test]
    fn moments_and_durations_agree_and_none_wraps() {
        let start = Instant::from_nanos(3_000_000_007);
        let later = start + Duration::from_millis(5);
        assert_eq!((later.since(start), start.since(later)), (Duration::from_millis(5), Duration::ZERO));
        assert_eq!((start + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(start.to_string(), "3.000000007 s");
    }
}
