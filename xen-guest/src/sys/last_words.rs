//! How much a domain that is ending may still print.
//!
//! *What this is*: a panic or trap is reported with a message, a backtrace and registers. The report can fail too: a
//! message that panics, a stack that cannot be read. A second failure is reported only by its place, which runs only
//! our own code and `core`'s; a third, in that or in the console, is not reported.
//!
//! *What must hold*: code that reports an end asks here first, so no failure leads back to itself.

use core::sync::atomic::{AtomicU8, Ordering};

/// What may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// The full report.
    All,
    /// One short line.
    Place,
    /// Nothing: the domain ends at once.
    None,
}

/// Counts the failures that end the domain.
#[derive(Debug)]
pub(super) struct LastWords(AtomicU8);

impl LastWords {
    pub(super) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Tells whether there was a failure.
    pub(super) fn have_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Returns how much may be printed for one more failure.
    pub(super) fn next(&self) -> Words {
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before.saturating_add(1), Ordering::Relaxed);
        match before {
            0 => Words::All,
            1 => Words::Place,
            _ => Words::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LastWords, Words};

    #[test]
    fn a_failure_is_told_whole_then_by_its_place_then_never_again() {
        let words = LastWords::new();
        assert!(!words.have_begun());
        assert_eq!((words.next(), words.have_begun(), words.next()), (Words::All, true, Words::Place));
        assert!((0..1000).all(|_| words.next() == Words::None));
    }
}
