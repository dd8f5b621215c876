//! Random numbers from a seed, and how many rounds a test makes with them.
//!
//! *What must hold*: the numbers of a seed stay what they are. The documentation quotes seeds of boots on real Xen and
//! of bugs found.

use std::env;

/// The difference between one state of a sequence and the next, before mixing.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A sequence of arbitrary numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    #[must_use]
    pub const fn from(seed: u64) -> Self {
        Self(seed)
    }

    /// The sequence of one round of a seed.
    #[must_use]
    pub const fn of_round(seed: u64, round: u64) -> Self {
        Self(seed.wrapping_mul(0x1_0000_0001) ^ round << 20)
    }

    /// Number `place` of the sequence of a seed, counted from 1.
    #[must_use]
    #[inline]
    pub const fn nth(seed: u64, place: u64) -> u64 {
        mixed(seed.wrapping_add(place.wrapping_mul(STEP)))
    }

    /// The next number.
    pub const fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    /// A place in a list of `len`; 0 for an empty one.
    pub const fn index(&mut self, len: usize) -> usize {
        let end = if len == 0 { 1 } else { len as u64 };
        self.below(end) as usize
    }

    /// A number from `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True about once in `count` times.
    pub const fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    /// One of these.
    pub fn of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.index(items.len())]
    }

    /// One of these numbers, or up to three beside it.
    pub fn beside(&mut self, borders: &[u64]) -> u64 {
        self.of(borders) + self.between(0, 6) - 3
    }

    /// A number near something: a power of two, an end of a range, or anything.
    pub fn edge(&mut self) -> u64 {
        let middle = match self.below(4) {
            0 => 1 << self.below(64),
            1 => self.of(&[0, u64::MAX, 0xffff_8000_0000_0000, 0xffff_8800_0000_0000, 0x8000_0000_0000]),
            2 => 0xffff_ffff_8000_0000 + self.below(0x4000) * 4096,
            _ => return self.word() >> self.below(64),
        };
        middle.wrapping_add(self.below(5)).wrapping_sub(2)
    }
}

#[inline]
const fn mixed(word: u64) -> u64 {
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// The number in an environment variable, or `otherwise` if there is none.
///
/// # Panics
/// When the variable holds something else. A mistyped number would silently test something else.
#[must_use]
#[expect(clippy::panic, reason = "a test that cannot begin ends")]
pub fn asked(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).map_or(otherwise, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, must be a number"))
    })
}

/// Calls `round` with a generator of its own, `rounds` times or as often as `FUZZ_ROUNDS` says. `FUZZ_SEED` is the
/// seed. If it panics, the seed and the round are printed.
pub fn repeat(name: &str, rounds: u64, mut round: impl FnMut(&mut Random)) {
    let seed = asked("FUZZ_SEED", 1);
    for number in 0..asked("FUZZ_ROUNDS", rounds) {
        let note = Note(name, seed, number);
        round(&mut Random::of_round(seed, number));
        drop(note);
    }
}

/// Prints the seed and round of a panic.
struct Note<'n>(&'n str, u64, u64);

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(name, seed, number) = self;
            eprintln!("{name}: FUZZ_SEED={seed}, round {number}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    /// The first numbers of seed 0 and of seed 1234567 as the authors of splitmix64 publish them.
    #[test]
    fn a_seed_has_the_same_numbers_for_ever() {
        let mut zero = Random::from(0);
        assert_eq!([zero.word(), zero.word()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        let mut other = Random::from(1_234_567);
        assert_eq!([other.word(), other.word()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
        assert_eq!(Random::nth(1_234_567, 2), 3_203_168_211_198_807_973);
        let mut round = Random::of_round(7, 3);
        assert_eq!(round.word(), Random::from(7 << 32 | 7 ^ 3 << 20).word());
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let mut random = Random::from(5);
        let drawn: Vec<u64> = (0..200).map(|_| random.between(3, 7)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&7)));
        let beside: Vec<u64> = (0..200).map(|_| random.beside(&[64])).collect();
        assert_eq!((beside.iter().min(), beside.iter().max()), (Some(&61), Some(&67)));
        assert_eq!(random.index(0), 0);
    }
}
