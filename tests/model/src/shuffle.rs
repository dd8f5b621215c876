//! Which machine frame each page has: a seeded shuffle.
//!
//! *What this is*: a one-to-one map of blocks of 512 pages to blocks of 512 machine frames, and inside each block of
//! the 512 to the 512. Both are affine maps, so a look-up and its inverse take a few multiplications for any size of
//! guest.
//!
//! *What must hold*: `stricter:` page numbers and machine numbers share no value, so a number used as the other kind
//! never happens to be right. `base` is above the last page and above every number in a memory map: pages get new
//! numbers up to the map's end, and numbers without RAM in it are device frames. `stricter:` no two neighbouring pages
//! have neighbouring frames, although dom0's first chunk is contiguous in a release Xen.
//!
//! *What is not prevented*: code that relies on 512 pages lying in one block of machine frames. Xen gives 2 MiB extents
//! too, and blocks make a 128 GiB guest cheap to hold.

use kit::random::Random;
use start_info::ENTRIES;

/// The map from pages to machine frames.
#[derive(Clone, Debug)]
pub(crate) struct Shuffle {
    base: u64,
    blocks: u64,
    stride: u64,
    stride_back: u64,
    shift: u64,
    step: u64,
    step_back: u64,
    turn: u64,
}

impl Shuffle {
    /// Makes the map of a guest with room for `pages` pages, to machine frames above number `above`.
    pub(crate) fn new(pages: u64, above: u64, seed: u64) -> Self {
        let blocks = pages.div_ceil(ENTRIES).max(1);
        let (stride, stride_back) = coprime(blocks, Random::nth(seed, 1));
        let (step, step_back) = coprime(ENTRIES, 3 + Random::nth(seed, 2) % 500);
        // The first machine frame is above every page number, at an arbitrary distance.
        let base = (blocks.max(above.div_ceil(ENTRIES)) + 64 + Random::nth(seed, 5) % 64) * ENTRIES;
        Self {
            base,
            blocks,
            stride,
            stride_back,
            shift: Random::nth(seed, 3) % blocks,
            step,
            step_back,
            turn: Random::nth(seed, 4),
        }
    }

    /// Returns the number of the first machine frame.
    pub(crate) const fn base(&self) -> u64 {
        self.base
    }

    /// Returns how many machine frames there are from `base` on, in whole blocks.
    pub(crate) const fn frames(&self) -> u64 {
        self.blocks * ENTRIES
    }

    /// Returns the number of the machine frame of page `pfn`.
    pub(crate) const fn mfn(&self, pfn: u64) -> u64 {
        self.mfn_in(self.block(pfn / ENTRIES), pfn % ENTRIES)
    }

    /// Returns the machine block of a block of pages.
    pub(crate) const fn block(&self, page_block: u64) -> u64 {
        (page_block * self.stride + self.shift) % self.blocks
    }

    /// Returns the number of the machine frame of page `offset` among the pages of machine block `block`.
    pub(crate) const fn mfn_in(&self, block: u64, offset: u64) -> u64 {
        self.base + block * ENTRIES + (offset * self.step + self.turn_of(block)) % ENTRIES
    }

    /// Returns the number of the page of machine frame `mfn`, which must be one of this map's.
    pub(crate) const fn pfn(&self, mfn: u64) -> u64 {
        let (block, inside) = ((mfn - self.base) / ENTRIES, (mfn - self.base) % ENTRIES);
        let page = (block + self.blocks - self.shift) % self.blocks * self.stride_back % self.blocks;
        let offset = (inside + ENTRIES - self.turn_of(block)) * self.step_back % ENTRIES;
        page * ENTRIES + offset
    }

    const fn turn_of(&self, block: u64) -> u64 {
        (block.wrapping_mul(0x9e37_79b9) ^ self.turn) % ENTRIES
    }
}

/// Returns the first number from `wanted` on that has no divisor in common with `modulus`, and its inverse.
fn coprime(modulus: u64, wanted: u64) -> (u64, u64) {
    let mut number = wanted % modulus;
    loop {
        if let Some(inverse) = inverse(number, modulus) {
            return (number, inverse);
        }
        number = (number + 1) % modulus;
    }
}

/// Returns the inverse of `number`, if it has one, by Euclid's algorithm.
fn inverse(number: u64, modulus: u64) -> Option<u64> {
    let modulus = i128::from(modulus);
    let (mut r, mut next_r) = (modulus, i128::from(number));
    let (mut t, mut next_t) = (0, 1);
    while next_r != 0 {
        let quotient = r / next_r;
        (r, next_r) = (next_r, r - quotient * next_r);
        (t, next_t) = (next_t, t - quotient * next_t);
    }
    if r == 1 { u64::try_from(t.rem_euclid(modulus)).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_has_a_frame_of_its_own_and_the_way_back() {
        for pages in [1, 511, 512, 513, 17_155, 1 << 18] {
            for seed in 0..5 {
                let map = Shuffle::new(pages, 0, seed);
                let mut seen = vec![false; usize::try_from(map.frames()).unwrap()];
                for pfn in 0..pages {
                    let mfn = map.mfn(pfn);
                    let place = usize::try_from(mfn - map.base()).unwrap();
                    assert!(!std::mem::replace(&mut seen[place], true), "{pages} {seed} {pfn:#x}");
                    assert_eq!(map.pfn(mfn), pfn);
                    assert!(mfn >= pages, "a page number is no machine number");
                }
            }
        }
    }

    #[test]
    fn neighbours_are_not_neighbours_in_the_machine() {
        for seed in 0..50 {
            let map = Shuffle::new(1 << 15, 0, seed);
            assert!((0..1 << 15).all(|pfn| map.mfn(pfn) + 1 != map.mfn(pfn + 1)), "{seed}");
        }
    }

    #[test]
    fn what_a_map_speaks_of_is_no_machine_number() {
        for above in [0, 1, 511, 1 << 15, (1 << 15) + 1, 0x1_9100_0000] {
            let map = Shuffle::new(1 << 15, above, 3);
            assert!(
                (0..1 << 15).all(|pfn| map.mfn(pfn) > above && map.pfn(map.mfn(pfn)) == pfn),
                "{above:#x}"
            );
        }
    }

    #[test]
    fn a_guest_of_a_tebibyte_is_looked_up_like_any_other() {
        let map = Shuffle::new(1 << 28, 0, 7);
        for pfn in (0..1 << 28).step_by(99_991) {
            assert_eq!(map.pfn(map.mfn(pfn)), pfn);
        }
    }
}
