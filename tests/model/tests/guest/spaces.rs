//! Further address spaces: kept in step while they exist, and no longer.

use std::collections::BTreeSet;

use mmu::{AddressSpace, IoAccess, MmuError, layout::Bases};
use start_info::{Mfn, PageCount, Pfn, PfnRange};
use xen_model::{GuestConfig, ModelMachine, TracedCall, audit};

use crate::after::{Booted, booted};
use crate::{HOLE, dom0};

const XEN_SLOTS: std::ops::RangeInclusive<usize> = 256..=271;

fn root_of(machine: &ModelMachine, space: &AddressSpace) -> Mfn {
    machine.held_mfn(space.page().get()).unwrap()
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
    let max_pfn = booted.running.read_device(&page, 0xc10);
    assert_eq!(max_pfn, Ok(booted.running.pages().get()));
    assert!(booted.running.read_device::<u64>(&page, 4096).is_err());
    booted.audit();
    let first = booted.running.parts().map.view().root_frame().1;
    for address in
        [0, Bases::FIXED.io_map().as_u64(), Bases::FIXED.direct_map().as_u64(), 0xffff_ffff_8100_0000]
    {
        let entry = top(&booted, first, address);
        assert_ne!(entry, 0, "{address:#x}");
        for space in &spaces {
            assert_eq!(top(&booted, root_of(booted.machine(), space), address), entry, "{address:#x}");
        }
    }
    let [one, two, three] = spaces;
    // The space in use stays.
    let (two, error) = booted.running.retire_space(two).unwrap_err();
    let two = two.unwrap();
    assert_eq!(error, MmuError::SpaceInUse { root: root_of(booted.machine(), &two) });
    booted.running.enter_space(None).unwrap();
    booted.running.unmap_device(low).unwrap();
    booted.running.unmap_device(page).unwrap();
    for space in [one, two, three] {
        booted.running.retire_space(space).unwrap();
    }
    booted.audit();
    // What is kept: an L3, an L2 and an L1 table for each half.
    assert_eq!(booted.running.free(), free - 6);
}

#[test]
fn a_direct_map_that_reaches_the_next_512_gib_later_is_in_every_space() {
    let pages = (1 << 27) + 0x345;
    let holes = vec![1 << 19..1 << 27, 0..0];
    let guest = GuestConfig { holes, ..GuestConfig::dom0(pages).with_notes() }.with_command_line("map=lazy");
    let mut running = guest.build().unwrap().boot().unwrap().running;
    let space = running.new_space().unwrap();
    while running.grow().unwrap() {}
    let slot = ((Bases::FIXED.direct_map().as_u64() + (1 << 39)) >> 39) as usize % 512;
    let first = running.parts().map.view().root_frame().1;
    let entry = running.platform().peek(first, slot).unwrap();
    assert_ne!(entry, 0);
    assert_eq!(running.platform().peek(root_of(running.platform(), &space), slot), Some(entry));
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
            booted.audit();
            continue;
        };
        let retired = match booted.running.retire_space(space) {
            Ok(()) => Ok(()),
            // It is as it was: retiring it again works.
            Err((space, _)) => booted.running.retire_space(space.unwrap()).map_err(|(_, error)| error),
        };
        assert_eq!(retired, Ok(()), "call {call}");
        assert_eq!(booted.running.free(), free, "call {call}");
        booted.audit();
    }
}

/// How many updates it takes to hook the first table for device memory.
fn updates(booted: &mut Booted) -> usize {
    let before = booted.machine().calls() as usize;
    let _pages = booted.running.map_device(Mfn::new(0xa0), PageCount::new(1), IoAccess::Read).unwrap();
    let first = booted.machine().calls() as usize - before;
    let calls: Vec<TracedCall> = booted.machine().trace().iter().map(|traced| traced.call).collect();
    match calls[calls.len() - first] {
        TracedCall::Update { count, .. } => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_space_that_was_retired_is_not_kept_in_step() {
    let mut alone = booted(dom0(0x6000));
    let without = updates(&mut alone);
    let mut booted = booted(dom0(0x6000));
    let [one, two] = [0; 2].map(|_| booted.running.new_space().unwrap());
    let root = root_of(booted.machine(), &one);
    booted.running.retire_space(one).unwrap();
    let slot = (Bases::FIXED.io_map().as_u64() >> 39) as usize % 512;
    let before = booted.machine().peek(root, slot);
    // One more for the second space.
    assert_eq!(updates(&mut booted), without + 1);
    assert_eq!(booted.machine().peek(root, slot), before, "the page that was its table was written");
    assert_ne!(booted.machine().peek(root_of(booted.machine(), &two), slot), Some(0));
    audit::references(booted.machine()).assert_none();
}

#[test]
fn every_entry_of_a_space_is_the_first_ones() {
    let mut booted = booted(dom0(0x6000));
    let before = booted.running.new_space().unwrap();
    let _pages = booted.running.map_device(Mfn::new(0xa0), PageCount::new(1), IoAccess::Read).unwrap();
    let after = booted.running.new_space().unwrap();
    let first = booted.machine().root().unwrap();
    for slot in (0..512).filter(|slot| !XEN_SLOTS.contains(slot)) {
        let entry = booted.machine().peek(first, slot);
        for space in [&before, &after] {
            assert_eq!(booted.machine().peek(root_of(booted.machine(), space), slot), entry, "slot {slot}");
        }
    }
}

/// What is given back is compared with this.
#[test]
fn all_live_tables_are_found_by_walking() {
    let mut booted = booted(dom0(0x6000));
    let spaces = [0; 2].map(|_| booted.running.new_space().unwrap());
    let _pages = booted.running.map_device(Mfn::new(0xa0), PageCount::new(1), IoAccess::Read).unwrap();
    let mut walked = BTreeSet::new();
    let parts = booted.running.parts();
    parts
        .map
        .view()
        .each_table(booted.machine(), |level, pfn| {
            walked.insert((booted.machine().held_mfn(pfn.get()).unwrap(), level));
            Ok(())
        })
        .unwrap();
    let live: BTreeSet<_> = audit::tables(booted.machine()).collect();
    assert_eq!(walked, live);
    assert!(spaces.iter().all(|space| walked.contains(&(root_of(booted.machine(), space), 4))));
}

/// The last table that an L2 table of the direct map has room for leads to memory too.
#[test]
fn the_last_table_under_another_is_found_by_walking() {
    let booted = GuestConfig::new(512 * 512 + 3).build().unwrap().boot().unwrap();
    let mut walked = BTreeSet::new();
    let view = booted.running.parts().map.view();
    let visited = view.each_table(booted.machine(), |level, pfn| {
        walked.insert((booted.machine().held_mfn(pfn.get()).unwrap(), level));
        Ok(())
    });
    visited.unwrap();
    assert_eq!(walked, audit::tables(booted.machine()).collect());
}

#[test]
fn the_space_in_use_stays() {
    let mut booted = booted(dom0(0x6000));
    let [one, two] = [0; 2].map(|_| booted.running.new_space().unwrap());
    booted.running.enter_space(Some(&one)).unwrap();
    let calls = booted.machine().calls();
    let root = root_of(booted.machine(), &one);
    let (one, error) = booted.running.retire_space(one).unwrap_err();
    assert_eq!(error, MmuError::SpaceInUse { root });
    assert_eq!(booted.machine().calls(), calls);
    booted.running.retire_space(two).unwrap();
    booted.running.enter_space(None).unwrap();
    booted.running.retire_space(one.unwrap()).unwrap();
}

/// The page of the domain builder's top-level table is a page like any other after the boot.
#[test]
fn a_space_may_have_the_page_of_the_builders_top_level_table() {
    let mut booted = booted(GuestConfig::new(64 * 256));
    let old = booted.running.facts().page_tables().pfns.start();
    let mut before = Vec::new();
    let frame = loop {
        let frame = booted.running.take_frame().unwrap();
        if frame.pfn() == old {
            break frame;
        }
        before.push(frame);
    };
    // What is given last is taken first, and a space takes its top-level table first.
    booted.running.give_frame(frame);
    let space = booted.running.new_space().unwrap();
    assert_eq!(space.page(), old);
    booted.running.retire_space(space).unwrap();
    for frame in before.into_iter().rev() {
        booted.running.give_frame(frame);
    }
    booted.audit();
}
