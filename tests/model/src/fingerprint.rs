//! A number for the whole state of a machine.
//!
//! *What this is*: the search uses it to tell whether a call changed anything, or led to a state seen before.
//!
//! *What must hold*: two machines with the same number behave alike, except for counters (hypercalls, frames asked for,
//! time) and console text. *What is not prevented*: different numbers for machines that behave alike.

use start_info::Mfn;

use crate::contents::Words;
use crate::machine::ModelMachine;

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
const LANES: usize = 8;

/// The number so far.
#[derive(Debug)]
pub(crate) struct Fingerprint([u64; LANES]);

impl Fingerprint {
    const fn new() -> Self {
        Self([1, 2, 3, 4, 5, 6, 7, 8])
    }

    /// Adds eight words at once, for speed.
    pub(crate) fn eight(&mut self, words: [u64; LANES]) {
        for (lane, word) in self.0.iter_mut().zip(words) {
            *lane = (lane.rotate_left(23) ^ word).wrapping_mul(ODD);
        }
    }

    /// Adds all words of a page.
    pub(crate) fn page(&mut self, words: &Words) {
        words.as_chunks().0.iter().for_each(|&eight| self.eight(eight));
    }

    /// Adds a few words.
    pub(crate) fn words(&mut self, words: &[u64]) {
        for &word in words {
            let mixed = (self.0[0].rotate_left(23) ^ word).wrapping_mul(ODD);
            self.0[0] = mixed ^ mixed >> 29;
        }
    }

    fn number(self) -> u64 {
        self.0.iter().fold(0, |number: u64, &lane| {
            let mixed = (number.rotate_left(31) ^ lane).wrapping_mul(ODD);
            mixed ^ mixed >> 32
        })
    }
}

/// Returns a number for the entries of a map that does not depend on their order.
fn sum_of<'m>(map: impl IntoIterator<Item = (&'m u64, &'m u64)>) -> u64 {
    map.into_iter().fold(0, |sum, (&key, &value)| {
        sum.wrapping_add((key * 2 + 1).wrapping_mul(value.wrapping_mul(2) | 1))
    })
}

impl ModelMachine {
    /// Returns a number for all that decides what the machine does next.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let mut print = Fingerprint::new();
        self.contents.enter(&mut print);
        self.frames.enter(&mut print);
        let mut sum = [sum_of(&self.m2p), sum_of(&self.moved)];
        sum[0] = sum[0].wrapping_add(self.stale.fingerprint());
        print.words(&sum);
        for root in [self.root, self.user_root] {
            print.words(&[root.map_or(u64::MAX, |frame| frame.number() as u64)]);
        }
        for refusal in self.refusals.iter().filter(|refusal| refusal.at > self.calls) {
            print.words(&[refusal.at - self.calls, refusal.done as u64, refusal.errno.0.into()]);
        }
        for denial in self.denials.iter().filter(|&&denial| denial > self.frames_asked.get()) {
            print.words(&[denial - self.frames_asked.get()]);
        }
        print.words(&[self.lent.get().unwrap_or_default()]);
        print.number()
    }

    /// Stops the clock, so that measured times are not part of a guest's state.
    pub const fn stop_clock(&mut self) {
        self.timeless = true;
    }

    /// Returns the address at which the guest was lent the ramdisk's bytes, if it was.
    #[must_use]
    pub const fn lent(&self) -> Option<u64> {
        self.lent.get()
    }

    /// Returns the bytes of the ramdisk as it was built, in whole pages.
    #[must_use]
    pub const fn ramdisk_as_built(&self) -> &'static [u8] {
        self.ramdisk
    }

    /// Reads all words of a machine frame, without page tables.
    #[must_use]
    pub fn peek_page(&self, mfn: Mfn) -> Option<[u64; 512]> {
        self.frame(mfn).map(|frame| self.contents.words(frame))
    }

    /// Returns the numbers of the machine frames that have a record.
    #[must_use]
    pub fn frame_numbers(&self) -> std::ops::Range<u64> {
        let first = self.shuffle.base();
        first..first + self.frames.len() as u64
    }
}
