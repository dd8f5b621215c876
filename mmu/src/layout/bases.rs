//! Where the regions start that have room to move.
//!
//! *What this is*: the starts of the direct map, the linear P2M, device memory and the payload's addresses, as values: the
//! usual ones, or drawn by random words. Each region has a part of the address space that no other region is ever in.
//!
//! *What must hold*: a drawn region lies in its part from end to end. The direct map and the linear P2M start on 1 GiB: a chunk
//! of the direct map is what one L2 table covers, and the toolstack cuts a list short that starts elsewhere.

use core::ops::Range;

use start_info::{PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

use crate::layout::{
    DIRECT_MAP, DRAWN_END, INIT_P2M, IO_MAP, IO_MAP_PAGES, LINEAR_P2M, PAYLOAD, PAYLOAD_PAGES, region::Region,
};

/// Where the direct map, the linear P2M, device memory and the payload's addresses start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bases {
    direct_map: VirtAddr,
    linear_p2m: VirtAddr,
    io_map: VirtAddr,
    payload: VirtAddr,
}

/// The part of the address space that a region can be drawn in.
struct Room {
    addresses: Range<VirtAddr>,
    /// A region starts at a multiple of this.
    step: u64,
}

impl Room {
    /// Draws where a region of `bytes` starts; at the first address if there is no room. Each place has the same share of the
    /// words, give or take one.
    fn draw(&self, bytes: u64, word: u64) -> VirtAddr {
        let Range { start, end } = self.addresses;
        let room = end.as_u64().saturating_sub(start.as_u64());
        let spare = room.saturating_sub(bytes.next_multiple_of(self.step)) / self.step;
        start + word % (spare + 1) * self.step
    }
}

impl Bases {
    /// The usual places: those of `kaslr=off`.
    pub const FIXED: Self =
        Self { direct_map: DIRECT_MAP, linear_p2m: LINEAR_P2M, io_map: IO_MAP, payload: PAYLOAD };

    /// Draws the places for a guest with `pages` page numbers, one random word for each. A region that fills its part, or is too
    /// large for it, has its usual place.
    #[must_use]
    pub fn drawn(pages: PageCount, words: [u64; 4]) -> Self {
        const GIB: u64 = 1 << 30;
        let [direct_map, linear_p2m, io_map, payload] = words;
        let draw = |addresses, step, bytes, word| Room { addresses, step }.draw(bytes, word);
        Self {
            direct_map: draw(DIRECT_MAP..INIT_P2M, GIB, pages.bytes(), direct_map),
            linear_p2m: draw(LINEAR_P2M..IO_MAP, GIB, pages.of_words().bytes(), linear_p2m),
            io_map: draw(IO_MAP..PAYLOAD, PAGE_SIZE, IO_MAP_PAGES.bytes(), io_map),
            payload: draw(PAYLOAD..DRAWN_END, PAGE_SIZE, PAYLOAD_PAGES.bytes(), payload),
        }
    }

    /// Returns where the direct map starts: `__va` of page 0.
    #[must_use]
    pub const fn direct_map(&self) -> VirtAddr {
        self.direct_map
    }

    /// Returns where the first leaf of the P2M is mapped, if the builder's list was copied.
    #[must_use]
    pub const fn linear_p2m(&self) -> VirtAddr {
        self.linear_p2m
    }

    /// Returns where the addresses for device memory start.
    #[must_use]
    pub const fn io_map(&self) -> VirtAddr {
        self.io_map
    }

    /// Returns where the payload's addresses start.
    #[must_use]
    pub const fn payload(&self) -> VirtAddr {
        self.payload
    }

    /// Returns the addresses for device memory.
    pub(crate) fn io_map_region(&self) -> Region {
        Region::new("device memory", self.io_map, IO_MAP_PAGES)
    }

    /// Returns the payload's addresses.
    pub(crate) fn payload_region(&self) -> Region {
        Region::new("payload", self.payload, PAYLOAD_PAGES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{KernelMap, plan::LayoutPlan};
    use kit::random::Random;
    use start_info::{Pfn, PfnRange};
    use std::vec::Vec;

    const DRAWS: u64 = 10_000;
    const GIB: u64 = 1 << 30;
    /// The most pages that a direct map has addresses for: 64 TiB.
    const MOST: u64 = 1 << 34;

    /// How many places each region has in a guest with `pages` pages, and how far they are apart.
    fn places(pages: u64) -> [(u64, u64); 4] {
        let spare = |room: u64, bytes: u64, step| (room - bytes.next_multiple_of(step)) / step + 1;
        [
            (spare(64 << 40, pages * 4096, GIB), GIB),
            (spare(1 << 40, pages.div_ceil(512) * 4096, GIB), GIB),
            (spare(1 << 40, 1 << 39, 4096), 4096),
            (spare(1 << 40, 1 << 39, 4096), 4096),
        ]
    }

    fn starts(bases: &Bases) -> [u64; 4] {
        [bases.direct_map, bases.linear_p2m, bases.io_map, bases.payload].map(VirtAddr::as_u64)
    }

    fn drawn(pages: u64, words: [u64; 4]) -> Bases {
        Bases::drawn(PageCount::new(pages), words)
    }

    const GROUPS: u64 = 64;

    /// Returns how far the counts of draws are from those of equal chances (chi-square), by groups of `size` places.
    fn distance(draws: &[u64], places: u64, group: impl Fn(u64) -> u64, size: impl Fn(u64) -> u64) -> f64 {
        let mut counts = [0_u64; GROUPS as usize];
        draws.iter().for_each(|&place| counts[group(place) as usize] += 1);
        assert_eq!((0..GROUPS).map(&size).sum::<u64>(), places);
        let expected = |group| draws.len() as f64 * size(group) as f64 / places as f64;
        let of = |(group, &count): (u64, &u64)| (count as f64 - expected(group)).powi(2) / expected(group);
        (0..).zip(&counts).map(of).sum()
    }

    /// With equal chances a sum of 64 groups is above 131 once in 900,000 times. There are 40 sums, of fixed seeds.
    #[test]
    fn every_place_is_as_likely_as_another() {
        for (seed, pages) in [(1, 1), (2, 0x4_0001), (3, 1 << 30), (4, 1 << 32), (5, 12_345_678_901)] {
            let mut random = Random::from(seed);
            let draws: Vec<_> =
                (0..DRAWS).map(|_| starts(&drawn(pages, [0; 4].map(|_| random.word())))).collect();
            for (region, (places, step)) in places(pages).into_iter().enumerate() {
                let first = starts(&Bases::FIXED)[region];
                let chosen: Vec<u64> = draws.iter().map(|starts| (starts[region] - first) / step).collect();
                // Groups of neighbours, and every 64th place. Where the places do not divide evenly, some groups have one more.
                let first_of = |group: u64| (group * places).div_ceil(GROUPS);
                let neighbours = distance(
                    &chosen,
                    places,
                    |place| place * GROUPS / places,
                    |group| first_of(group + 1) - first_of(group),
                );
                let apart = distance(
                    &chosen,
                    places,
                    |place| place % GROUPS,
                    |group| (places - group).div_ceil(GROUPS),
                );
                assert!(
                    neighbours < 131.0 && apart < 131.0,
                    "{pages:#x} pages, region {region}: {neighbours}, {apart}"
                );
            }
        }
    }

    #[test]
    fn every_region_lies_in_its_part_and_none_meets_another() {
        let image = PfnRange::try_new(Pfn::new(0x1000), PageCount::new(0xe43)).unwrap();
        let mut random = Random::from(6);
        let sizes = [1, 2, 0x3_ffff, 0x4_0000, 0x4_0001, 1 << 25, 1 << 32, (1 << 32) + 1, MOST - 1, MOST];
        for pages in sizes {
            let words = [[0; 4], [u64::MAX; 4], [1; 4]].into_iter();
            for words in words.chain((0..200).map(|_| [0; 4].map(|_| random.word()))) {
                let bases = drawn(pages, words);
                let plan = LayoutPlan::new(PageCount::new(pages), image, KernelMap::BUILDER, bases).unwrap();
                let layout = plan.settle();
                let parts = [DIRECT_MAP..INIT_P2M, LINEAR_P2M..IO_MAP, IO_MAP..PAYLOAD, PAYLOAD..DRAWN_END];
                let names = ["direct map", "linear P2M", "device memory", "payload"];
                for ((name, part), (_, step)) in names.into_iter().zip(parts).zip(places(pages)) {
                    let region = layout.regions().iter().find(|region| region.name() == name).unwrap();
                    assert!(part.start <= region.start() && region.last() < part.end.as_u64(), "{region}");
                    assert!(region.start().is_aligned(step), "{region}");
                }
                assert_eq!(*layout.bases(), bases);
            }
        }
    }

    #[test]
    fn the_first_place_is_the_usual_one_and_the_last_ends_where_the_part_does() {
        for pages in [1, 0x4_0001, 1 << 32, MOST] {
            assert_eq!(drawn(pages, [0; 4]), Bases::FIXED);
            assert_eq!(drawn(pages, places(pages).map(|(places, _)| places)), Bases::FIXED);
            let last = drawn(pages, places(pages).map(|(places, _)| places - 1));
            let gib = |pages: u64| (pages * 4096).next_multiple_of(GIB);
            assert_eq!(last.direct_map.as_u64() + gib(pages), INIT_P2M.as_u64());
            assert_eq!(last.linear_p2m.as_u64() + gib(pages.div_ceil(512)), IO_MAP.as_u64());
            assert_eq!(last.io_map_region().last() + 1, PAYLOAD.as_u64());
            assert_eq!(last.payload_region().last() + 1, DRAWN_END.as_u64());
        }
    }

    #[test]
    fn what_is_too_large_has_its_usual_place() {
        for pages in [MOST, MOST + 1, 1 << 35, (1 << 40) - 1] {
            let bases = drawn(pages, [u64::MAX; 4]);
            assert_eq!(bases.direct_map, Bases::FIXED.direct_map);
        }
        assert_eq!(drawn(1 << 39, [u64::MAX - 1; 4]).linear_p2m, Bases::FIXED.linear_p2m);
    }
}
