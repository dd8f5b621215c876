//! Memory maps against an oracle that looks at every page.

use proptest::prelude::*;
use start_info::{MOST_REGIONS, MapEntry, MapError, MapKind, MemoryMap, Pfn, PfnRange};

/// Bytes that the oracle looks at.
const END: u64 = 64 << 12;

fn entry(start: u64, len: u64, kind: u32) -> MapEntry {
    MapEntry { start, len, kind }
}

fn map(entries: &[MapEntry]) -> Result<MemoryMap, MapError> {
    MemoryMap::of_entries(entries.iter().copied())
}

fn range(start: u64, end: u64) -> PfnRange {
    PfnRange::between(Pfn::new(start), Pfn::new(end))
}

/// Tells whether a page is memory: every byte of it is in an entry for memory, and none in another.
fn is_memory(entries: &[MapEntry], page: u64) -> bool {
    (page << 12..(page + 1) << 12).step_by(256).all(|byte| {
        let mut here = entries.iter().filter(|entry| entry.start <= byte && byte < entry.start + entry.len);
        here.clone().count() > 0 && here.all(|entry| entry.kind == 1)
    })
}

#[test]
fn an_entry_is_twenty_bytes_as_xen_packs_them() {
    let mut bytes = [0; MapEntry::BYTES];
    bytes[..8].copy_from_slice(&0x10_0000_u64.to_le_bytes());
    bytes[8..16].copy_from_slice(&0x1fee_0000_u64.to_le_bytes());
    bytes[16..].copy_from_slice(&4_u32.to_le_bytes());
    assert_eq!(MapEntry::read(&bytes), entry(0x10_0000, 0x1fee_0000, 4));
}

#[test]
fn the_map_of_a_pc() {
    // In the order and with the gaps that firmware and Xen leave.
    let map = map(&[
        entry(0, 0x9_fc00, 1),
        entry(0x9_fc00, 0x400, 2),
        entry(0xf_0000, 0x1_0000, 2),
        entry(0x10_0000, 0xbfed_0000, 1),
        entry(0xbffd_0000, 0x2_0000, 3),
        entry(0xbfff_0000, 0x1_0000, 4),
        entry(0x1_0000_0000, 0x4000_0000, 1),
    ])
    .unwrap();
    assert_eq!(
        map.ram().collect::<Vec<_>>(),
        [range(0, 0x9f), range(0x100, 0xbffd0), range(0x100000, 0x140000)]
    );
    let holes = [range(0x9f, 0x100), range(0xbffd0, 0x100000), range(0x140000, 0x150000)];
    assert_eq!(map.holes(0x150000).collect::<Vec<_>>(), holes);
    assert_eq!(map.holes(0xa0).collect::<Vec<_>>(), [range(0x9f, 0xa0)]);
    assert_eq!(map.holes(0x9f).count(), 0);
    assert_eq!(map.holes(0).count(), 0);
    let nvs = map.obstacle(range(0xbfff8, 0xc0000)).unwrap();
    assert_eq!((nvs.kind(), nvs.to_string().as_str()), (MapKind::Nvs, "ACPI NVS 0xbfff0000..0xc0000000"));
    assert_eq!(map.obstacle(range(0xc0000, 0xd0000)), None, "nothing is there");
}

#[test]
fn neighbours_of_a_kind_are_one_and_empty_entries_none() {
    let joined = map(&[entry(0x1800, 0x800, 1), entry(0x1000, 0x800, 1), entry(0x1900, 0, 2)]).unwrap();
    assert_eq!(joined.regions().len(), 1);
    assert_eq!(joined.ram().collect::<Vec<_>>(), [range(1, 2)], "the page lies in two entries");
}

#[test]
fn what_is_no_map_is_told() {
    assert_eq!(map(&[]), Err(MapError::NoRam));
    assert_eq!(map(&[entry(0, 0xfff, 1)]), Err(MapError::NoRam), "no whole page");
    let wraps = entry(u64::MAX - 5, 6, 1);
    assert!(map(&[wraps]).is_err());
    let wraps = entry(u64::MAX - 5, 7, 2);
    assert_eq!(map(&[entry(0, 0x1000, 1), wraps]), Err(MapError::Entry { entry: wraps }));
    let many: Vec<_> = (0..MOST_REGIONS as u64).map(|i| entry(i << 13, 0x1000, 1)).collect();
    assert_eq!(map(&many).unwrap().regions().len(), MOST_REGIONS);
    let more = [&many[..], &[entry(1 << 40, 0x1000, 1)]].concat();
    assert_eq!(map(&more), Err(MapError::TooLong { limit: MOST_REGIONS }));
}

#[test]
fn an_entry_behind_the_last_address_is_cut_off() {
    let map = map(&[entry(0, 0x10_0000, 1), entry((1 << 52) - 0x1000, 1 << 53, 2)]).unwrap();
    assert_eq!(map.regions().len(), 2);
    assert_eq!(map.ram().collect::<Vec<_>>(), [range(0, 0x100)]);
}

proptest! {
    #[test]
    fn every_page_is_memory_or_not_as_its_bytes_are(
        entries in prop::collection::vec((0_u64..END / 256, 0_u64..0x80, 1_u32..7), 1..12)
    ) {
        let entries: Vec<_> = entries.iter().map(|&(start, len, kind)| entry(start * 256, len * 256, kind)).collect();
        let Ok(map) = map(&entries) else {
            prop_assert!((0..END >> 12).all(|page| !is_memory(&entries, page)));
            return Ok(());
        };
        let regions = map.regions();
        prop_assert!(regions.windows(2).all(|pair| pair[0].start() < pair[1].start()));
        for end in [0, 1, 17, END >> 12] {
            let holes: Vec<_> = map.holes(end).collect();
            prop_assert!(holes.windows(2).all(|pair| pair[0].end() < pair[1].start()), "{holes:?}");
            for page in 0..END >> 12 {
                let expected = is_memory(&entries, page);
                prop_assert_eq!(map.is_ram(Pfn::new(page)), expected, "page {:#x}", page);
                let in_hole = holes.iter().any(|hole| hole.contains(Pfn::new(page)));
                prop_assert_eq!(in_hole, page < end && !expected, "page {:#x}", page);
            }
        }
    }
}
