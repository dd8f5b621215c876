//! Device memory, the machine's own addresses, and the page the fixmap shows.

use mmu::{Error, IoAccess, layout::FIXMAP};
use start_info::{Index, Maddr, MapEntry, Mfn, PageCount, Pfn, PfnRange};
use xen_model::{Booted, Guest};

/// Pages that are no memory.
const HOLE: (u64, u64) = (0xa0, 0x100);

fn dom0() -> Booted {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let map = vec![entry(0, HOLE.0, 1), entry(HOLE.0, HOLE.1, 2), entry(HOLE.1, 0x7000, 1)];
    Guest { machine_map: map, ..Guest::dom0(0x6000) }.build().unwrap().boot().unwrap()
}

/// The frames before the guest's first are another's or none, so a range can reach into the guest from below.
#[test]
fn every_frame_of_a_device_range_is_looked_at() {
    let mut booted = dom0();
    let (mfn, pfn) = (0x100..0x6000)
        .filter_map(|pfn| booted.machine().held_mfn(pfn).map(|mfn| (mfn, pfn)))
        .min_by_key(|(mfn, _)| mfn.get())
        .unwrap();
    for before in [1, 2, 513] {
        let first = Mfn::new(mfn.get() - before);
        for pages in [before + 1, before + 2] {
            let calls = booted.machine().calls();
            let error = booted.running.map_device(first, PageCount::new(pages), IoAccess::Read).unwrap_err();
            assert_eq!(error, Error::OwnMemory { mfn, pfn: Pfn::new(pfn) }, "{before} before, {pages} pages");
            assert_eq!(booted.machine().calls(), calls);
        }
    }
}

#[test]
fn every_page_of_an_identity_range_is_looked_at() {
    let mut booted = dom0();
    for (start, end, wrong) in [(HOLE.0, HOLE.1 + 1, HOLE.1), (HOLE.0, HOLE.1 + 0x300, HOLE.1)] {
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, Error::NotIdentity { pfn: Pfn::new(wrong) });
    }
}

/// The map may say that there is no RAM at 0: the address is the null pointer all the same.
#[test]
fn the_null_pointer_is_never_mapped() {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let machine_map = vec![entry(0, 4, 2), entry(4, 0x7000, 1)];
    let guest = Guest { machine_map, ..Guest::dom0(0x6000) };
    let mut booted = guest.build().unwrap().boot().unwrap();
    assert_eq!(booted.running.entry(Pfn::new(0)), p2m::Entry::Identity);
    for end in [1, 4] {
        let pages = PfnRange::between(Pfn::new(0), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, Error::NotIdentity { pfn: Pfn::new(0) });
    }
    let pages = PfnRange::between(Pfn::new(1), Pfn::new(4));
    assert!(!matches!(booted.running.map_identity(pages, IoAccess::Read), Err(Error::NotIdentity { .. })));
}

/// Above 2^47 bytes an address of the machine would be one of the upper half, or none.
#[test]
fn what_the_lower_half_has_no_address_for_is_not_mapped_there() {
    let mut booted = dom0();
    let most = 1 << 35;
    for (start, end) in
        [(most, most + 1), (most - 1, most + 1), (most - 3, most + 5), ((1 << 36) + 7, (1 << 36) + 9)]
    {
        assert_eq!(booted.running.entry(Pfn::new(start)), p2m::Entry::Identity);
        let calls = booted.machine().calls();
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, Error::NotIdentity { pfn: Pfn::new(start) });
        assert_eq!(booted.machine().calls(), calls);
    }
}

#[test]
fn overlapping_identity_ranges_are_refused_with_both() {
    let mut booted = dom0();
    let range = |start, end| PfnRange::between(Pfn::new(start), Pfn::new(end));
    let held = booted.running.map_identity(range(0xa8, 0xb0), IoAccess::Read).unwrap();
    for (start, end) in [(0xa8, 0xb0), (0xa0, 0xa9), (0xaf, 0xb1), (0xaa, 0xab), (0xa0, 0x100)] {
        let error = booted.running.map_identity(range(start, end), IoAccess::Read).unwrap_err();
        match error {
            Error::Overlap { wanted, holder } => {
                assert_eq!((wanted.start().as_u64(), holder), (start << 12, held.region()));
            }
            other => panic!("{other}"),
        }
    }
    for (start, end) in [(0xa0, 0xa8), (0xb0, 0x100)] {
        let _beside = booted.running.map_identity(range(start, end), IoAccess::Read).unwrap();
    }
}

#[test]
fn what_xen_stopped_unmapping_is_not_read() {
    let mut booted = dom0();
    let pages = booted.running.map_device(Mfn::new(HOLE.0), PageCount::new(3), IoAccess::Read).unwrap();
    assert!(booted.running.read_device(&pages, 2, Index::FIRST).is_some());
    for done in 0..3 {
        let mut booted = dom0();
        let pages = booted.running.map_device(Mfn::new(HOLE.0), PageCount::new(3), IoAccess::Read).unwrap();
        booted.machine_mut().cut_at(1, done, mmu::Errno::ENOMEM);
        let (pages, error) = booted.running.unmap_device(pages).unwrap_err();
        assert!(matches!(error, Error::Refused(_)));
        for page in 0..3 {
            assert_eq!(
                booted.running.read_device(&pages, page, Index::FIRST),
                None,
                "{done} done, page {page}"
            );
        }
        booted.running.unmap_device(pages).unwrap();
    }
}

#[test]
fn the_fixmap_shows_nothing_once_it_was_read() {
    let mut booted = dom0();
    let mut bytes = [0; 4097];
    for at in [0xa_0000, 0xa_0fff, 0xb_8001] {
        booted.running.read_machine(Maddr::try_new(at).unwrap(), &mut bytes).unwrap();
        for slot in 1..512 {
            assert!(booted.machine().live_leaf(FIXMAP.as_u64() + slot * 4096).is_err(), "slot {slot}");
        }
    }
}
