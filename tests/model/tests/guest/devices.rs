//! Device memory: what may be mapped, and what Xen refuses half-way.

use mmu::{Errno, IoAccess, IoPages, MmuError, Refused, layout::Bases};
use start_info::{Mfn, PageCount, Pfn, PfnRange};
use xen_model::GuestConfig;

use crate::after::{Booted, booted};
use crate::host::dom0_beside;
use crate::{HOLE, dom0};

fn map(booted: &mut Booted, pages: u64) -> Result<IoPages, MmuError> {
    booted.running.map_device(Mfn::new(HOLE.0), PageCount::new(pages), IoAccess::Read)
}

fn identity(booted: &mut Booted, start: u64, end: u64) -> Result<IoPages, MmuError> {
    let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
    booted.running.map_identity(pages, IoAccess::Read)
}

/// No pages, and more than there are addresses, tables or frames for. These are refused without a look at each page.
#[test]
fn a_number_of_pages_that_cannot_be_is_refused_at_once() {
    let mut booted = booted(dom0(0x6000));
    let (calls, accesses) = (booted.machine().calls(), booted.machine().accesses());
    assert_eq!(map(&mut booted, 0).unwrap_err(), MmuError::NoPages);
    for pages in [(1 << 27) + 1, 1 << 28, (1 << 40) - 1] {
        let error = map(&mut booted, pages).unwrap_err();
        assert!(matches!(error, MmuError::IoFull { wanted, .. } if wanted.get() == pages), "{error}");
    }
    // There are enough addresses, but not enough tables.
    for pages in [1 << 27, 1 << 25] {
        let error = map(&mut booted, pages).unwrap_err();
        assert!(matches!(error, MmuError::NoFrames { .. }), "{error}");
    }
    let empty = PfnRange::try_new(Pfn::new(HOLE.0), PageCount::ZERO).unwrap();
    assert_eq!(booted.running.map_identity(empty, IoAccess::Read).unwrap_err(), MmuError::NoPages);
    assert!(matches!(identity(&mut booted, HOLE.0, 1 << 36), Err(MmuError::NotIdentity { .. })));
    let error = identity(&mut booted, 0x10_0000, 1 << 35).unwrap_err();
    assert!(matches!(error, MmuError::NoFrames { .. }), "{error}");
    assert_eq!(booted.machine().calls(), calls, "Xen was asked");
    assert!(booted.machine().accesses() - accesses < 100, "each page was looked at");
}

/// Who could write its masks could have Xen enter the guest where it has no handler.
#[test]
fn shared_info_is_lent_for_reading_only() {
    let mut booted = booted(dom0(0x6000));
    let mfn = booted.machine().shared_info();
    for (first, pages) in [(mfn.get(), 1), (mfn.get() - 2, 3), (mfn.get() - 1, 7)] {
        let (first, pages) = (Mfn::new(first), PageCount::new(pages));
        let error = booted.running.map_device(first, pages, IoAccess::ReadWrite).unwrap_err();
        assert_eq!(error, MmuError::InUse { mfn });
    }
    let pages = booted.running.map_device(mfn, PageCount::new(1), IoAccess::Read).unwrap();
    booted.running.unmap_device(pages).unwrap();
    booted.audit();
}

/// On a shim their frames need not be the guest's own memory, and are no device's either.
#[test]
fn the_rings_are_lent_for_reading_only() {
    for guest in [GuestConfig::new(64 * 256).on_shim(), GuestConfig::new(64 * 256)] {
        let mut booted = booted(guest);
        let facts = booted.running.facts();
        let xen_guest::Console::Ring(console) = facts.console() else { panic!("no ring") };
        let rings = [console.mfn, facts.xenstore().unwrap().mfn];
        for mfn in rings {
            let error = booted.running.map_device(mfn, PageCount::new(1), IoAccess::ReadWrite).unwrap_err();
            assert_eq!(error, MmuError::InUse { mfn });
            let error = booted.running.map_identity(numbers_to(mfn), IoAccess::ReadWrite).unwrap_err();
            assert_eq!(error, MmuError::InUse { mfn });
            let read = booted.running.map_device(mfn, PageCount::new(1), IoAccess::Read);
            match read {
                Ok(pages) => booted.running.unmap_device(pages).unwrap(),
                Err(error) => assert!(matches!(error, MmuError::OwnMemory { .. }), "{error}"),
            }
        }
        booted.audit();
    }
}

/// The page numbers up to this frame's.
fn numbers_to(mfn: Mfn) -> PfnRange {
    PfnRange::try_new(Pfn::new(mfn.get() - 2), PageCount::new(3)).unwrap()
}

/// Each of the frames is checked, not only the first.
#[test]
fn the_guests_own_memory_at_the_end_of_a_range_is_no_device() {
    let mut booted = booted(dom0(0x6000));
    let own = booted.machine().held_mfn(0x5000).unwrap();
    for pages in [2, 3, 7] {
        let first = Mfn::new(own.get() + 1 - pages);
        let error = booted.running.map_device(first, PageCount::new(pages), IoAccess::Read).unwrap_err();
        let MmuError::OwnMemory { mfn, .. } = error else { panic!("{error}") };
        assert!((first.get()..=own.get()).contains(&mfn.get()));
    }
    booted.audit();
}

#[test]
fn what_is_mapped_at_its_own_address_is_not_mapped_there_twice() {
    let mut booted = booted(dom0(0x6000));
    let pages = identity(&mut booted, HOLE.0, HOLE.1).unwrap();
    for (start, end) in
        [(HOLE.0, HOLE.1), (HOLE.0, HOLE.0 + 1), (HOLE.1 - 1, HOLE.1), (HOLE.0 + 1, HOLE.0 + 2)]
    {
        let error = identity(&mut booted, start, end).unwrap_err();
        let MmuError::Overlap { wanted, holder } = error else { panic!("{error}") };
        assert_eq!((wanted.start().as_u64(), wanted.last() + 1), (start << 12, end << 12));
        assert_eq!(holder, pages.region());
    }
    // A device gets other addresses, even for the same frames.
    let device = map(&mut booted, 2).unwrap();
    booted.running.unmap_device(pages).unwrap();
    let again = identity(&mut booted, HOLE.0 + 1, HOLE.1).unwrap();
    assert!(booted.running.read_device::<u64>(&again, 0).is_ok());
    assert!(booted.running.read_device::<u64>(&device, 4096).is_ok());
    booted.audit();
}

/// A mapping that Xen removed only in part cannot be read: some of its pages are gone.
#[test]
fn what_xen_stopped_to_unmap_is_not_read_and_keeps_its_addresses() {
    for at_its_own_address in [false, true] {
        let mut booted = booted(dom0(0x6000));
        let pages = match at_its_own_address {
            true => identity(&mut booted, HOLE.0, HOLE.0 + 4).unwrap(),
            false => map(&mut booted, 4).unwrap(),
        };
        let region = pages.region();
        booted.machine_mut().cut_at(1, 2, Errno::EBUSY);
        let (torn, error) = booted.running.unmap_device(pages).unwrap_err();
        assert!(matches!(error, MmuError::Refused(Refused { done: 2, .. })), "{error}");
        for page in 0..4 {
            let read = booted.running.read_device::<u64>(&torn, page * 4096);
            assert_eq!(read, Err(MmuError::Torn { region }));
        }
        match at_its_own_address {
            true => {
                assert!(matches!(
                    identity(&mut booted, HOLE.0 + 3, HOLE.0 + 4),
                    Err(MmuError::Overlap { .. })
                ))
            }
            false => assert!(!map(&mut booted, 4).unwrap().region().overlaps(&region)),
        }
        booted.running.unmap_device(torn).unwrap();
        let again = match at_its_own_address {
            true => identity(&mut booted, HOLE.0, HOLE.0 + 4).unwrap(),
            false => map(&mut booted, 4).unwrap(),
        };
        assert_eq!(again.region(), region);
        booted.audit();
    }
}

/// If part of a refused request was mapped and could not be unmapped, it keeps its addresses until it can.
#[test]
fn what_is_left_of_a_refused_mapping_goes_with_the_next() {
    let mut booted = booted(dom0(0x6000));
    let tables = map(&mut booted, 4).unwrap();
    booted.running.unmap_device(tables).unwrap();
    booted.machine_mut().cut_at(1, 3, Errno::ENOMEM);
    booted.machine_mut().cut_at(2, 0, Errno::ENOMEM);
    let error = map(&mut booted, 4).unwrap_err();
    assert!(matches!(error, MmuError::Refused(Refused { done: 3, errno: Errno::ENOMEM, .. })), "{error}");
    assert!(booted.machine().live_leaf(Bases::FIXED.io_map().as_u64()).is_ok(), "nothing was left");
    // A shorter range, so that it does not cover all that was left.
    let pages = map(&mut booted, 1).unwrap();
    assert_eq!(pages.region().start(), Bases::FIXED.io_map());
    assert!(booted.running.read_device::<u64>(&pages, 0).is_ok());
    assert!(
        booted.machine().live_leaf(Bases::FIXED.io_map().as_u64() + 2 * 4096).is_err(),
        "nobody has it, and it is mapped"
    );
    booted.audit();
}

/// When each new table needs a frame and few are free, a long range is refused with a line, and all frames come back.
#[test]
fn a_range_with_too_few_frames_for_its_tables_leaves_none() {
    let mut booted = booted(dom0(0x2345));
    let kept: Vec<_> = std::iter::from_fn(|| booted.running.take_frame().ok()).collect();
    assert!(!kept.is_empty());
    let error = map(&mut booted, 4).unwrap_err();
    assert!(matches!(error, MmuError::NoFrames { .. }), "{error}");
    assert_eq!(booted.running.free(), 0);
    for frame in kept {
        booted.running.give_frame(frame);
    }
    let _mapped = map(&mut booted, 4).unwrap();
    booted.audit();
}

#[test]
fn the_guests_own_memory_is_no_device() {
    let mut booted = booted(dom0(0x6000));
    for pfn in [0x1000, 0x5000] {
        let mfn = booted.machine().held_mfn(pfn).unwrap();
        let error = booted.running.map_device(mfn, PageCount::new(1), IoAccess::Read).unwrap_err();
        assert_eq!(error, MmuError::OwnMemory { mfn, pfn: Pfn::new(pfn) });
    }
    for (start, end) in [(0xa0, 0x101), (0x9f, 0xa1), (0, 1), (0x3000, 0x3001)] {
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert!(matches!(error, MmuError::NotIdentity { .. }), "{start:#x}..{end:#x}: {error}");
    }
    booted.audit();
}

#[test]
fn what_xen_refuses_of_device_memory_leaves_nothing_mapped() {
    let mut booted = booted(dom0(0x6000));
    // The last page is another domain's.
    let other = booted.machine().other_domains_frame();
    let error = booted.running.map_device(other, PageCount::new(1), IoAccess::ReadWrite).unwrap_err();
    assert!(matches!(error, MmuError::Refused { .. }), "{error}");
    let pages = PageCount::new(HOLE.1 - HOLE.0);
    booted.machine_mut().cut_at(2, 3, mmu::Errno::EPERM);
    let error = booted.running.map_device(Mfn::new(HOLE.0), pages, IoAccess::Read);
    let page = match error {
        Err(MmuError::Refused { .. }) => {
            booted.running.map_device(Mfn::new(HOLE.0), pages, IoAccess::Read).unwrap()
        }
        other => other.unwrap(),
    };
    assert_eq!(page.region().start(), Bases::FIXED.io_map(), "the addresses were free again");
    booted.audit();
}

/// The frames below the guest's first are another domain's or no memory, so a range can reach into the guest from
/// below.
#[test]
fn every_frame_of_a_device_range_is_looked_at() {
    let mut booted = booted(dom0(0x6000));
    let (mfn, pfn) = (0x100..0x6000)
        .filter_map(|pfn| booted.machine().held_mfn(pfn).map(|mfn| (mfn, pfn)))
        .min_by_key(|(mfn, _)| mfn.get())
        .unwrap();
    for before in [1, 2, 513] {
        let first = Mfn::new(mfn.get() - before);
        for pages in [before + 1, before + 2] {
            let calls = booted.machine().calls();
            let error = booted.running.map_device(first, PageCount::new(pages), IoAccess::Read).unwrap_err();
            assert_eq!(
                error,
                MmuError::OwnMemory { mfn, pfn: Pfn::new(pfn) },
                "{before} before, {pages} pages"
            );
            assert_eq!(booted.machine().calls(), calls);
        }
    }
}

#[test]
fn every_page_of_an_identity_range_is_looked_at() {
    let mut booted = booted(dom0(0x6000));
    for (start, end, wrong) in [(HOLE.0, HOLE.1 + 1, HOLE.1), (HOLE.0, HOLE.1 + 0x300, HOLE.1)] {
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, MmuError::NotIdentity { pfn: Pfn::new(wrong) });
    }
}

/// Above 2^47 bytes a machine address, used as a virtual one, would lie in the upper half or not be canonical.
#[test]
fn what_the_lower_half_has_no_address_for_is_not_mapped_there() {
    let mut booted = booted(dom0(0x6000));
    let most = 1 << 35;
    for (start, end) in
        [(most, most + 1), (most - 1, most + 1), (most - 3, most + 5), ((1 << 36) + 7, (1 << 36) + 9)]
    {
        assert_eq!(booted.running.entry(Pfn::new(start)), p2m::P2mEntry::Identity);
        let calls = booted.machine().calls();
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, MmuError::NotIdentity { pfn: Pfn::new(start) });
        assert_eq!(booted.machine().calls(), calls);
    }
}

#[test]
fn overlapping_identity_ranges_are_refused_with_both() {
    let mut booted = booted(dom0(0x6000));
    let range = |start, end| PfnRange::between(Pfn::new(start), Pfn::new(end));
    let held = booted.running.map_identity(range(0xa8, 0xb0), IoAccess::Read).unwrap();
    for (start, end) in [(0xa8, 0xb0), (0xa0, 0xa9), (0xaf, 0xb1), (0xaa, 0xab), (0xa0, 0x100)] {
        let error = booted.running.map_identity(range(start, end), IoAccess::Read).unwrap_err();
        match error {
            MmuError::Overlap { wanted, holder } => {
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
    let mut whole = booted(dom0(0x6000));
    let pages = whole.running.map_device(Mfn::new(HOLE.0), PageCount::new(3), IoAccess::Read).unwrap();
    assert!(whole.running.read_device::<u64>(&pages, 2 * 4096).is_ok());
    for done in 0..3 {
        let mut booted = booted(dom0(0x6000));
        let pages = booted.running.map_device(Mfn::new(HOLE.0), PageCount::new(3), IoAccess::Read).unwrap();
        booted.machine_mut().cut_at(1, done, mmu::Errno::ENOMEM);
        let (pages, error) = booted.running.unmap_device(pages).unwrap_err();
        assert!(matches!(error, MmuError::Refused { .. }));
        for page in 0..3 {
            let read = booted.running.read_device::<u64>(&pages, page * 4096);
            assert!(matches!(read, Err(MmuError::Torn { .. })), "{done} done, page {page}: {read:?}");
        }
        booted.running.unmap_device(pages).unwrap();
    }
}

/// The map may have no RAM at 0, but that address is the null pointer all the same.
#[test]
fn the_null_pointer_is_never_mapped() {
    let mut booted = booted(dom0_beside(0x6000, 0x7000, (0, 4)));
    assert_eq!(booted.running.entry(Pfn::new(0)), p2m::P2mEntry::Identity);
    for end in [1, 4] {
        let pages = PfnRange::between(Pfn::new(0), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert_eq!(error, MmuError::NotIdentity { pfn: Pfn::new(0) });
    }
    let pages = PfnRange::between(Pfn::new(1), Pfn::new(4));
    assert!(!matches!(booted.running.map_identity(pages, IoAccess::Read), Err(MmuError::NotIdentity { .. })));
}

/// The hooks of a first mapping's three tables, refused after each request: each is undone in the live tables of both
/// spaces.
#[test]
fn tables_that_xen_refuses_are_given_back() {
    for done in 0..5 {
        let mut booted = booted(dom0(0x6000));
        let _further = booted.running.new_space().unwrap();
        let free = booted.running.free();
        booted.machine_mut().cut_at(1, done, Errno::ENOMEM);
        let error = map(&mut booted, 4).unwrap_err();
        assert!(matches!(error, MmuError::Refused(Refused { errno: Errno::ENOMEM, .. })), "{done}: {error}");
        assert_eq!(booted.running.free(), free, "{done}");
        booted.audit();
        let _mapped = map(&mut booted, 4).unwrap();
        assert_eq!(booted.running.free(), free - 3, "{done}");
        booted.audit();
    }
}

/// shared_info is memory in the model, so what is written can be read back.
#[test]
fn a_register_is_written_in_its_width_and_only_where_it_may() {
    let mut booted = booted(dom0(0x6000));
    let (frame, one) = (booted.machine().shared_info(), PageCount::new(1));
    // The guest lends it for reading only.
    let (machine, parts) = booted.running.parts_mut();
    let mut pages =
        parts.io.map(machine, &mut parts.map, &parts.p2m, frame, one, IoAccess::ReadWrite).unwrap();
    let region = pages.region();
    let at = 0xf00;
    booted.running.write_device(&mut pages, at, 0x1122_3344_5566_7788_u64).unwrap();
    booted.running.write_device(&mut pages, at + 4, 0xaabb_u16).unwrap();
    booted.running.write_device(&mut pages, at + 1, 0xcc_u8).unwrap();
    assert_eq!(booted.running.read_device(&pages, at), Ok(0x1122_aabb_5566_cc88_u64));
    assert_eq!(booted.running.read_device(&pages, at + 4), Ok(0x1122_aabb_u32));
    assert_eq!(booted.running.read_device(&pages, at + 6), Ok(0x1122_u16));
    let none = |at, bytes| Err(MmuError::NoRegister { at, bytes, region });
    for at in [1, 4093, 4094, 4096, u64::MAX - 3, u64::MAX] {
        assert_eq!(booted.running.write_device(&mut pages, at, 0_u32), none(at, 4), "{at:#x}");
        assert_eq!(booted.running.read_device::<u32>(&pages, at), none(at, 4).map(|()| 0), "{at:#x}");
    }
    let mut shown = booted.running.map_device(frame, one, IoAccess::Read).unwrap();
    let refused = booted.running.write_device(&mut shown, at, 0_u64);
    assert_eq!(refused, Err(MmuError::ReadOnly { region: shown.region() }));
    assert_eq!(booted.running.read_device(&shown, at + 4), Ok(0x1122_aabb_u32));
    // Where no device answers, a write is lost and a read is all ones.
    let mut pages = booted.running.map_device(Mfn::new(HOLE.0), one, IoAccess::ReadWrite).unwrap();
    booted.running.write_device(&mut pages, 8, 7_u8).unwrap();
    assert_eq!(booted.running.read_device(&pages, 8), Ok(0xff_u8));
    booted.audit();
}
