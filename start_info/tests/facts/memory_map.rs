//! Memory maps, compared with an oracle that checks every page.

use proptest::prelude::*;
use start_info::{MAX_REGIONS, MapEntry, MapError, MapKind, MemoryMap, Pfn, PfnRange};

/// The end of the bytes that the oracle checks.
const END: u64 = 64 << 12;

fn entry(start: u64, len: u64, kind: u32) -> MapEntry {
    MapEntry { start, len, kind }
}

fn map(entries: &[MapEntry]) -> Result<MemoryMap, MapError> {
    MemoryMap::from_entries(entries.iter().copied())
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
    assert_eq!(map.holes(Pfn::new(0x150000)).collect::<Vec<_>>(), holes);
    assert_eq!(map.holes(Pfn::new(0xa0)).collect::<Vec<_>>(), [range(0x9f, 0xa0)]);
    assert_eq!(map.holes(Pfn::new(0x9f)).count(), 0);
    assert_eq!(map.holes(Pfn::new(0)).count(), 0);
    let nvs = map.obstacle(range(0xbfff8, 0xc0000)).unwrap();
    assert_eq!((nvs.kind(), nvs.to_string().as_str()), (MapKind::Nvs, "ACPI NVS 0xbfff0000..0xc0000000"));
    assert_eq!(map.obstacle(range(0xc0000, 0xd0000)), None, "nothing is there");
}

#[test]
fn neighbours_of_a_kind_are_one_and_empty_entries_none() {
    let upper = [entry(0x1800, 0x800, 1), entry(0x1900, 0, 2)];
    // Below what is there, and after it.
    for (neighbour, pages) in
        [(entry(0x1000, 0x800, 1), range(1, 2)), (entry(0x2000, 0x1000, 1), range(2, 3))]
    {
        let joined = map(&[&upper[..], &[neighbour]].concat()).unwrap();
        assert_eq!(joined.regions().len(), 1);
        assert_eq!(joined.ram().collect::<Vec<_>>(), [pages], "a page may lie in two entries");
    }
}

#[test]
fn what_is_no_map_is_told() {
    assert_eq!(map(&[]), Err(MapError::NoRam));
    assert_eq!(map(&[entry(0, 0xfff, 1)]), Err(MapError::NoRam), "no whole page");
    for wraps in [entry(u64::MAX - 5, 7, 1), entry(0x1000, u64::MAX, 1), entry(1 << 63, u64::MAX, 1)] {
        assert_eq!(map(&[entry(0, 0x1000, 1), wraps]), Err(MapError::Entry { entry: wraps }));
    }
    let many: Vec<_> = (0..MAX_REGIONS as u64).map(|i| entry(i << 13, 0x1000, 1)).collect();
    assert_eq!(map(&many).unwrap().regions().len(), MAX_REGIONS);
    let more = [&many[..], &[entry(1 << 40, 0x1000, 1)]].concat();
    assert_eq!(map(&more), Err(MapError::TooLong { limit: MAX_REGIONS }));
}

#[test]
fn an_entry_behind_the_last_address_is_cut_off() {
    let map = map(&[entry(0, 0x10_0000, 1), entry((1 << 52) - 0x1000, 1 << 53, 2)]).unwrap();
    assert_eq!(map.regions().len(), 2);
    assert_eq!(map.ram().collect::<Vec<_>>(), [range(0, 0x100)]);
}

/// What a map with RAM below says about the last pages a page-table entry can name.
fn last_pages(line: MapEntry) -> (usize, Option<MapKind>) {
    let Ok(map) = map(&[entry(0, 0x10_0000, 1), line]) else { return (0, None) };
    assert_eq!(map.ram().next(), Some(range(0, 0x100)));
    let last = PfnRange::between(Pfn::new((1 << 40) - 3), Pfn::new((1 << 40) - 1));
    (map.regions().len(), map.obstacle(last).map(|region| region.kind()))
}

#[test]
fn a_line_is_cut_off_at_the_end_of_what_can_be_addressed() {
    const TOP: u64 = 1 << 52;
    let start = TOP - 0x3000;
    // Up to just before 2^52, to it and beyond it; up to just before 2^64, to it and beyond it, which is refused only
    // for RAM.
    for end in [TOP - 1, TOP, TOP + 1, TOP << 1, u64::MAX] {
        assert_eq!(last_pages(entry(start, end - start, 2)), (2, Some(MapKind::Reserved)), "{end:#x}");
    }
    for len in [0_u64.wrapping_sub(start), 1_u64.wrapping_sub(start), u64::MAX] {
        assert_eq!(last_pages(entry(start, len, 3)), (2, Some(MapKind::Acpi)), "{len:#x}");
    }
    for (start, len) in [(TOP, 1), (TOP, u64::MAX), (TOP + 5, 0x1000), (u64::MAX, 1), (u64::MAX, u64::MAX)] {
        assert_eq!(last_pages(entry(start, len, 2)), (1, None), "{start:#x} + {len:#x}");
    }
    for start in [0, 0x8000, TOP - 1, TOP, u64::MAX] {
        assert_eq!(last_pages(entry(start, 0, 2)), (1, None), "no bytes at {start:#x}");
    }
    // The last entry of many firmwares: their own memory at the top of the address space.
    assert_eq!(last_pages(entry(0xffff_ffff_0000_0000, 1 << 32, 2)), (1, None));
    // RAM that no page-table entry can name is not ours.
    let ram = map(&[entry(0, 0x10_0000, 1), entry(start, 0_u64.wrapping_sub(start), 1)]).unwrap();
    assert_eq!(ram.ram().nth(1).unwrap().start().get(), start >> 12);
    assert!(
        map(&[entry(0, 0x10_0000, 1), entry(TOP, 0_u64.wrapping_sub(TOP), 1)]).unwrap().ram().count() == 1
    );
}

#[test]
fn as_many_lines_as_xen_can_give_are_read() {
    const LINES: u64 = 1280;
    let joined: Vec<_> = (0..LINES).map(|i| entry(i << 12, 0x1000, 1)).collect();
    assert_eq!(map(&joined).unwrap().ram().collect::<Vec<_>>(), [range(0, LINES)]);
    let same: Vec<_> = (0..LINES).map(|i| entry(0, 0x8000, 1 + (i % 7) as u32)).collect();
    assert_eq!(map(&[&same[..], &[entry(0x8000, 0x1000, 1)]].concat()).unwrap().ram().count(), 1);
    let growing: Vec<_> = (0..LINES).map(|i| entry(0x10_0000, (i + 1) << 9, 1)).collect();
    assert_eq!(map(&growing).unwrap().regions().len(), 1);
    let apart: Vec<_> = (0..LINES).map(|i| entry(i << 13, 0x1000, 1)).collect();
    assert_eq!(map(&apart), Err(MapError::TooLong { limit: MAX_REGIONS }));
    let empty: Vec<_> = (0..LINES).map(|i| entry(i << 13, 0, 1)).collect();
    assert_eq!(map(&empty), Err(MapError::NoRam));
}

proptest! {
    /// Bytes beyond 2^52 and sums beyond 2^64 change nothing below.
    #[test]
    fn no_line_that_is_no_ram_is_a_reason_to_refuse_a_map(
        lines in prop::collection::vec((any::<u64>(), any::<u64>(), 0_u32..40, 0_u32..40, 2_u32..7), 0..40)
    ) {
        let lines: Vec<_> = lines.iter().map(|&(start, len, a, b, kind)| entry(start >> a, len >> b, kind)).collect();
        let meets = |page: u64, line: &MapEntry| {
            line.len > 0 && line.start < (page + 1) << 12 && line.start.saturating_add(line.len) > page << 12
        };
        match map(&[&lines[..], &[entry(0, 1 << 40, 1)]].concat()) {
            Ok(map) => for page in (0..1 << 28).step_by((1 << 20) + 1) {
                let expected = !lines.iter().any(|line| meets(page, line));
                prop_assert_eq!(map.is_ram(Pfn::new(page)), expected, "page {:#x}", page);
            },
            Err(error) => prop_assert_eq!(error, MapError::NoRam),
        }
    }

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
        prop_assert!(regions.windows(2).all(|pair| pair[0] < pair[1]));
        for end in [0, 1, 17, END >> 12] {
            let holes: Vec<_> = map.holes(Pfn::new(end)).collect();
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
