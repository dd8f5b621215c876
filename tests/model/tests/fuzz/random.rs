//! The generator, and how long it runs.

use std::env;

/// A sequence of arbitrary numbers that a seed decides (splitmix64).
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Begins the sequence of one round.
    pub(crate) const fn seeded(seed: u64, round: u64) -> Self {
        Self(seed.wrapping_mul(0x1_0000_0001) ^ round << 20)
    }

    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.word() % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// Returns a number near something: a power of two, an end of a range, or anything.
    pub(crate) fn edge(&mut self) -> u64 {
        let middle = match self.below(4) {
            0 => 1 << self.below(64),
            1 => self.one_of(&[0, u64::MAX, 0xffff_8000_0000_0000, 0xffff_8800_0000_0000, 0x8000_0000_0000]),
            2 => 0xffff_ffff_8000_0000 + self.below(0x4000) * 4096,
            _ => return self.word() >> self.below(64),
        };
        middle.wrapping_add(self.below(5)).wrapping_sub(2)
    }
}

/// Calls `round` with a generator of its own, `rounds` times or as often as `FUZZ_ROUNDS` says.
pub(crate) fn repeat(name: &str, rounds: u64, mut round: impl FnMut(&mut Random)) {
    let number = |variable| env::var(variable).ok().map(|text: String| text.parse::<u64>().unwrap());
    let seed = number("FUZZ_SEED").unwrap_or(1);
    for number in 0..number("FUZZ_ROUNDS").unwrap_or(rounds) {
        let note = Note(name, seed, number);
        round(&mut Random::seeded(seed, number));
        drop(note);
    }
}

/// Says where a panic came from.
struct Note<'n>(&'n str, u64, u64);

impl Drop for Note<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self(name, seed, number) = self;
            eprintln!("{name}: seed {seed}, round {number}");
        }
    }
}
