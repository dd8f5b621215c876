//! Further address spaces, device memory, and the page that the fixmap shows.

use mmu::{Error, Fixmap, IoAccess, layout::DIRECT_MAP, layout::IO_MAP};
use start_info::{Index, Maddr, MapEntry, Mfn, PageCount, Pfn, PfnRange};
use xen_guest::Platform;
use xen_model::{Guest, audit};

use crate::after::{Booted, booted};

/// Pages of the model's dom0 that are no memory: the frames below the guest's are other domains' but for those of the map.
pub(crate) const HOLE: (u64, u64) = (0xa0, 0x100);

pub(crate) fn dom0(pages: u64) -> Guest {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let map = vec![entry(0, HOLE.0, 1), entry(HOLE.0, HOLE.1, 2), entry(HOLE.1, pages + 0x1000, 1)];
    Guest { machine_map: map, ..Guest::dom0(pages) }
}

fn audited(booted: &Booted) {
    audit::references(booted.machine()).assert_none();
    audit::protection(booted.machine(), 0..0).assert_none();
    audit::stale(booted.machine()).assert_none();
}

fn top(booted: &Booted, root: Mfn, address: u64) -> u64 {
    booted.machine().peek(root, (address >> 39) as usize % 512).unwrap()
}

#[test]
fn a_top_level_entry_made_later_is_in_every_space() {
    let mut booted = booted(dom0(0x6000));
    let free = booted.running.free();
    let spaces = [0; 3].map(|_| booted.running.new_space().unwrap());
    let shared_info = booted.running.facts().shared_info().mfn();
    let page = booted.running.map_device(shared_info, PageCount::new(1), IoAccess::Read).unwrap();
    booted.running.enter_space(Some(&spaces[1])).unwrap();
    let pages = PfnRange::between(Pfn::new(HOLE.0), Pfn::new(HOLE.1));
    let low = booted.running.map_identity(pages, IoAccess::ReadWrite).unwrap();
    assert_eq!(low.region().start().as_u64(), HOLE.0 << 12);
    let max_pfn = booted.running.read_device(&page, 0, Index::new(0xc10 / 8));
    assert_eq!(max_pfn, Some(booted.running.pages().get()));
    assert_eq!(booted.running.read_device(&page, 1, Index::FIRST), None);
    audited(&booted);
    let first = booted.running.parts().map.view().root_frame().1;
    for address in [0, IO_MAP.as_u64(), DIRECT_MAP.as_u64(), 0xffff_ffff_8100_0000] {
        let entry = top(&booted, first, address);
        assert_ne!(entry, 0, "{address:#x}");
        for space in &spaces {
            assert_eq!(
                top(&booted, booted.machine().held_mfn(space.page().get()).unwrap(), address),
                entry,
                "{address:#x}"
            );
        }
    }
    let [one, two, three] = spaces;
    // The one in use stays.
    let (two, error) = booted.running.retire_space(two).unwrap_err();
    let two = two.unwrap();
    assert_eq!(error, Error::SpaceInUse { root: booted.machine().held_mfn(two.page().get()).unwrap() });
    booted.running.enter_space(None).unwrap();
    booted.running.unmap_device(low).unwrap();
    booted.running.unmap_device(page).unwrap();
    for space in [one, two, three] {
        booted.running.retire_space(space).unwrap();
    }
    audited(&booted);
    // What is kept: an L3, an L2 and an L1 table for each half.
    assert_eq!(booted.running.free(), free - 6);
}

#[test]
fn a_direct_map_that_reaches_the_next_512_gib_later_is_in_every_space() {
    let pages = (1 << 27) + 0x345;
    let holes = vec![1 << 19..1 << 27, 0..0];
    let guest = Guest { holes, ..Guest::dom0(pages).with_notes() }.with_command_line("map=lazy");
    let mut running = guest.build().unwrap().boot().unwrap().running;
    let space = running.new_space().unwrap();
    while running.grow().unwrap() {}
    let slot = ((DIRECT_MAP.as_u64() + (1 << 39)) >> 39) as usize % 512;
    let first = running.parts().map.view().root_frame().1;
    let entry = running.platform().peek(first, slot).unwrap();
    assert_ne!(entry, 0);
    assert_eq!(
        running.platform().peek(running.platform().held_mfn(space.page().get()).unwrap(), slot),
        Some(entry)
    );
}

#[test]
fn every_refusal_while_spaces_come_and_go_leaves_all_as_it_was_or_is_told() {
    let whole = booted(dom0(0x6000));
    for call in 1..8 {
        let mut booted = Booted { guest: whole.guest.clone(), ..crate::after::booted(whole.guest.clone()) };
        let free = booted.running.free();
        booted.machine_mut().refuse_at(call, mmu::Errno::ENOMEM);
        let made = booted.running.new_space();
        let Ok(space) = made else {
            assert_eq!(booted.running.free(), free, "call {call}");
            audited(&booted);
            continue;
        };
        let retired = match booted.running.retire_space(space) {
            Ok(()) => Ok(()),
            // It is what it was: ending it again ends it.
            Err((space, _)) => booted.running.retire_space(space.unwrap()).map_err(|(_, error)| error),
        };
        assert_eq!(retired, Ok(()), "call {call}");
        assert_eq!(booted.running.free(), free, "call {call}");
        audited(&booted);
    }
}

#[test]
fn the_guests_own_memory_is_no_device() {
    let mut booted = booted(dom0(0x6000));
    for pfn in [0x1000, 0x5000] {
        let mfn = booted.machine().held_mfn(pfn).unwrap();
        let error = booted.running.map_device(mfn, PageCount::new(1), IoAccess::Read).unwrap_err();
        assert_eq!(error, Error::OwnMemory { mfn, pfn: Pfn::new(pfn) });
    }
    for (start, end) in [(0xa0, 0x101), (0x9f, 0xa1), (0, 1), (0x3000, 0x3001)] {
        let pages = PfnRange::between(Pfn::new(start), Pfn::new(end));
        let error = booted.running.map_identity(pages, IoAccess::Read).unwrap_err();
        assert!(matches!(error, Error::NotIdentity { .. }), "{start:#x}..{end:#x}: {error}");
    }
    audited(&booted);
}

#[test]
fn what_xen_refuses_of_device_memory_leaves_nothing_mapped() {
    let mut booted = booted(dom0(0x6000));
    // The last page is another domain's.
    let other = booted.machine().other_domains_frame();
    let error = booted.running.map_device(other, PageCount::new(1), IoAccess::ReadWrite).unwrap_err();
    assert!(matches!(error, Error::Refused(_)), "{error}");
    let pages = PageCount::new(HOLE.1 - HOLE.0);
    booted.machine_mut().cut_at(2, 3, mmu::Errno::EPERM);
    let error = booted.running.map_device(Mfn::new(HOLE.0), pages, IoAccess::Read);
    let page = match error {
        Err(Error::Refused(_)) => booted.running.map_device(Mfn::new(HOLE.0), pages, IoAccess::Read).unwrap(),
        other => other.unwrap(),
    };
    assert_eq!(page.region().start(), IO_MAP, "the addresses were free again");
    audited(&booted);
}

#[test]
fn what_is_looked_at_is_shown_for_reading() {
    let mut booted = booted(dom0(0x6000));
    let root = booted.running.parts().map.view().root_frame().1;
    let free = booted.running.take_frame().unwrap();
    let free = booted.running.entry(free.pfn()).ram().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    let mut fixmap = Fixmap::new(&parts.layout);
    let view = parts.map.view();
    for mfn in [root, free, Mfn::new(HOLE.0)] {
        let shown = fixmap.look(machine, view, mfn).unwrap();
        let leaf = machine.live_leaf(shown.address().as_u64()).unwrap();
        assert!(!leaf.writable && !leaf.executable && leaf.pte.mfn() == mfn);
        if mfn.get() != HOLE.0 {
            assert_eq!(shown.read(machine, Index::new(511)), machine.peek(mfn, 511).unwrap());
        }
    }
    fixmap.close(machine).unwrap();
    assert!(machine.live_leaf(mmu::layout::FIXMAP.as_u64() + 4096).is_err());
    audited(&booted);
}

#[test]
fn machine_memory_is_read_where_the_p2m_calls_it_identity_and_nowhere_else() {
    let mut booted = booted(dom0(0x6000));
    let running = &mut booted.running;
    let mut bytes = [0; 3];
    let error = running.read_machine(Maddr::try_new(0x300_0000).unwrap(), &mut bytes);
    assert_eq!(error, Err(Error::NotIdentity { pfn: Pfn::new(0x3000) }));
    let behind = running.pages().get() + 0x2000;
    assert_eq!(running.entry(Pfn::new(behind)), p2m::Entry::Identity);
    // Over the border of what may be read: no page stays shown.
    let border = Maddr::try_new((HOLE.1 << 12) - 8).unwrap();
    let error = running.read_machine(border, &mut [0; 16]);
    assert_eq!(error, Err(Error::NotIdentity { pfn: Pfn::new(HOLE.1) }));
    assert!(running.platform().live_leaf(mmu::layout::FIXMAP.as_u64() + 4096).is_err());
    let none = Maddr::try_new((1 << 52) - 1).unwrap();
    assert!(running.read_machine(none, &mut bytes).is_err());
    running.platform_mut().write_console("");
}
