//! Everything that a builder places, at every border of a map.
//!
//! *What this is*: guests whose image, ramdisk, list, start_info, tables and stack begin or end at a border of a real
//! host's map or of a made-up one like it, one page before it or one after it. The other things lie wherever that puts
//! them.

use std::ops::Range;

use kit::random::asked;
use proptest::prelude::*;
use start_info::MapEntry;
use xen_model::{Domain, GuestConfig, Places};

use super::{Case, LINES, boot, hosts};

/// Pages of the kernel image.
const IMAGE: u64 = 0x123;

/// Where things begin and end, in ascending order of the address they have in most guests.
fn edges(places: &Places) -> Vec<u64> {
    let ranges = [
        Some(places.image.clone()),
        places.ramdisk.clone(),
        Some(places.list.clone()),
        Some(places.start_info..places.start_info + 1),
        places.console.map(|console| console..console + 1),
        Some(places.tables.clone()),
        Some(places.stack..places.end),
    ];
    ranges
        .into_iter()
        .flatten()
        .flat_map(|range| [range.start, range.end, (range.start + range.end) / 2])
        .collect()
}

/// The pages at which a map changes.
fn borders(map: &[MapEntry], below: u64) -> Vec<u64> {
    let ends = map.iter().flat_map(|entry| [entry.start, entry.start.saturating_add(entry.len)]);
    let mut borders: Vec<u64> = ends.map(|end| end / 4096).filter(|&page| page > 0 && page < below).collect();
    borders.sort_unstable();
    borders.dedup();
    borders
}

/// Tells whether all the pages are in one entry of RAM and in no other entry.
pub(crate) fn is_ram(map: &[MapEntry], pages: Range<u64>) -> bool {
    let (start, end) = (pages.start << 12, pages.end << 12);
    let touches = |entry: &&MapEntry| entry.start < end && start < entry.start + entry.len;
    let holds = |entry: &MapEntry| entry.kind == 1 && entry.start <= start && end <= entry.start + entry.len;
    map.iter().any(holds) && map.iter().filter(touches).all(|entry| entry.kind == 1)
}

/// The choices that make a guest for a map.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    domain: Domain,
    notes: bool,
    line: &'static str,
    /// Pages from the end of all that the builder places to the end of the guest's memory.
    more: u64,
    start: prop::sample::Index,
    beside: i64,
    image_anywhere: bool,
}

pub(super) fn choice() -> impl Strategy<Value = Choice> {
    let line = prop::sample::select(LINES.to_vec());
    let more = prop_oneof![0_u64..0x40, 0x40_u64..0x1000, 0x1000_u64..0x9000];
    let place = (any::<prop::sample::Index>(), -1_i64..=1, prop::bool::weighted(0.1));
    (any::<[bool; 2]>(), line, more, place).prop_map(
        |([dom0, notes], line, more, (start, beside, image_anywhere))| {
            let domain = if dom0 { Domain::Dom0 } else { Domain::Guest };
            Choice { domain, notes, line, more, start, beside, image_anywhere }
        },
    )
}

impl Choice {
    /// Returns the guest that has the chosen thing at the chosen border; `None` if none can.
    pub(super) fn guest(&self, map: &[MapEntry], below: u64) -> Option<(String, GuestConfig)> {
        let Self { domain, notes, line, more, .. } = *self;
        let case = Case { domain, notes, line, pages: below + 0x4000 + more, image_start: 0x400 };
        let places = case.guest(map).build().ok()?.places;
        let (borders, edges) = (borders(map, below), edges(&places));
        let starts = edges.iter().flat_map(|&edge| borders.iter().map(move |&border| (edge, border)));
        let starts = starts.filter_map(|(edge, border)| {
            let start = 0x400 + border as i64 - edge as i64 + self.beside;
            u64::try_from(start).ok().filter(|&start| start >= 0x20)
        });
        // Most of the time the image is not in the way, so that what comes after that conflict is tested.
        let wanted = |start: &u64| self.image_anywhere || is_ram(map, *start..*start + IMAGE);
        let starts: Vec<u64> = starts.filter(wanted).collect();
        if starts.is_empty() {
            return None;
        }
        let case = Case { image_start: starts[self.start.index(starts.len())], ..case };
        let used = case.guest(map).build().ok()?.places.used_end();
        // With fewer pages the list is shorter, so what follows it is only near the border.
        let case = Case { pages: used + more, ..case };
        let guest = case.guest(map);
        guest.build().ok()?;
        assert_eq!(guest.image_pages, IMAGE);
        Some((case.to_string(), guest))
    }
}

/// A machine like real ones: pages of other kinds below 1 MiB, pockets above, one hole below 4 GiB (here far lower),
/// more memory after it, and windows above a TiB. Entries may end in the middle of a page, overlap, and come in any
/// order.
pub(super) fn machines() -> impl Strategy<Value = Vec<MapEntry>> {
    let kind = || prop::sample::select(vec![1_u32, 1, 1, 1, 2, 2, 3, 4, 5, 7, 12, 16, 20]);
    let len = || (0_u32..14, any::<u64>()).prop_map(|(order, more)| (1 << order) + more % (1 << order));
    let low = (0x50_u64..0xa0, 0_u64..0x1000, kind(), any::<bool>());
    let pockets = prop::collection::vec((len(), kind(), any::<bool>()), 1..14);
    let high = (0x100_u64..0x1_0000, 0_u64..0x20_0000, any::<bool>());
    let windows = prop::collection::vec((28_u32..34, 0_u64..0x1000, len(), kind()), 0..4);
    let over = prop::collection::vec((0_u64..0x8000, len(), kind()), 0..2);
    let bytes = prop::sample::select(vec![0_u64, 0, 0, 0, 0x400, 0x800, 0xfff]);
    (low, pockets, high, windows, over, bytes, any::<u64>()).prop_map(
        |((low, rest, low_kind, rom), pockets, (gap, high, has_high), windows, over, bytes, order)| {
            let line = |start: u64, end: u64, kind| MapEntry { start, len: end - start, kind };
            let mut map = vec![line(0, low << 12 | rest, 1), line(low << 12 | rest, 0xa_0000, low_kind)];
            if rom {
                map.push(line(0xe_0000, 0x10_0000, 2));
            }
            let mut next = 0x100_u64;
            for (len, kind, touches) in pockets {
                map.push(line(next << 12, ((next + len) << 12) + bytes, kind));
                next += len + u64::from(!touches);
            }
            if has_high {
                let start = (next + gap) << 12;
                map.push(line(start, start + (high << 12), 1));
            }
            for (power, at, len, kind) in windows {
                let start = (1 << power) + at;
                map.push(line(start << 12, (start + len) << 12, kind));
            }
            map.extend(over.into_iter().map(|(at, len, kind)| line(at << 12, (at + len) << 12, kind)));
            // Any order.
            let turn = order as usize % map.len();
            map.rotate_left(turn);
            map
        },
    )
}

/// How many guests; `MAP_CASES` says another number.
fn cases() -> u32 {
    asked("MAP_CASES", 150) as u32
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn across_every_border_of_a_real_map(host in prop::sample::select(hosts()), choice in choice()) {
        if let Some((case, guest)) = choice.guest(&host.map, 0x1_8000) {
            boot(&format!("{}: {case}", host.name), guest);
        }
    }

    #[test]
    fn across_every_border_of_a_map_made_up(map in machines(), choice in choice()) {
        if let Some((case, guest)) = choice.guest(&map, 0x8000) {
            boot(&format!("{map:x?}: {case}"), guest);
        }
    }
}
