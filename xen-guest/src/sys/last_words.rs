//! How much a domain that is ending may still say.
//!
//! *What this is*: a panic or trap is told with a message, a backtrace, registers. Telling can fail again: a message
//! that panics, a stack that cannot be read. The second failure is told by its place alone, which runs no code but our
//! own and `core`'s; a third, in that or in the console, by nothing.
//!
//! *What must hold*: whoever tells of an end asks here first, so no failure leads back to itself.

use core::sync::atomic::{AtomicU8, Ordering};

/// What may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// All there is to say.
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

    /// Says how much may be said of one failure more.
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
        assert_eq!((words.next(), words.next()), (Words::All, Words::Place));
        assert!((0..1000).all(|_| words.next() == Words::None));
    }
}
