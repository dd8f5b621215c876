//! Further address spaces: kept in step as long as there are, and no longer.

use std::collections::BTreeSet;

use mmu::{Error, IoAccess, layout::IO_MAP};
use start_info::{MapEntry, Mfn, PageCount};
use xen_model::{Booted, Call, Guest, audit};

const XEN_SLOTS: std::ops::RangeInclusive<usize> = 256..=271;

fn dom0() -> Booted {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let machine_map = vec![entry(0, 0xa0, 1), entry(0xa0, 0x100, 2), entry(0x100, 0x7000, 1)];
    Guest { machine_map, ..Guest::dom0(0x6000) }.build().unwrap().boot().unwrap()
}

/// How many updates it takes to hook the first table for device memory.
fn updates(booted: &mut Booted) -> usize {
    let before = booted.machine().calls() as usize;
    let _pages = booted.running.map_device(Mfn::new(0xa0), PageCount::new(1), IoAccess::Read).unwrap();
    let first = booted.machine().calls() as usize - before;
    let calls: Vec<Call> = booted.machine().trace().iter().map(|traced| traced.call).collect();
    match calls[calls.len() - first] {
        Call::Update { count, .. } => count,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_space_that_was_retired_is_not_kept_in_step() {
    let mut alone = dom0();
    let without = updates(&mut alone);
    let mut booted = dom0();
    let [one, two] = [0; 2].map(|_| booted.running.new_space().unwrap());
    let root = booted.machine().held_mfn(one.page().get()).unwrap();
    booted.running.retire_space(one).unwrap();
    let slot = (IO_MAP.as_u64() >> 39) as usize % 512;
    let before = booted.machine().peek(root, slot);
    // One more for the space that there is.
    assert_eq!(updates(&mut booted), without + 1);
    assert_eq!(booted.machine().peek(root, slot), before, "the page that was its table was written");
    assert_ne!(booted.machine().peek(booted.machine().held_mfn(two.page().get()).unwrap(), slot), Some(0));
    audit::references(booted.machine()).assert_none();
}

#[test]
fn every_entry_of_a_space_is_the_first_ones() {
    let mut booted = dom0();
    let before = booted.running.new_space().unwrap();
    let _pages = booted.running.map_device(Mfn::new(0xa0), PageCount::new(1), IoAccess::Read).unwrap();
    let after = booted.running.new_space().unwrap();
    let first = booted.machine().root().unwrap();
    for slot in (0..512).filter(|slot| !XEN_SLOTS.contains(slot)) {
        let entry = booted.machine().peek(first, slot);
        for space in [&before, &after] {
            assert_eq!(
                booted.machine().peek(booted.machine().held_mfn(space.page().get()).unwrap(), slot),
                entry,
                "slot {slot}"
            );
        }
    }
}

/// What is given back is held against this.
#[test]
fn all_live_tables_are_found_by_walking() {
    let mut booted = dom0();
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
    assert!(
        spaces
            .iter()
            .all(|space| walked.contains(&(booted.machine().held_mfn(space.page().get()).unwrap(), 4)))
    );
}

/// The last table that an L2 table of the direct map has room for leads to memory too.
#[test]
fn the_last_table_under_another_is_found_by_walking() {
    let booted = Guest::new(512 * 512 + 3).build().unwrap().boot().unwrap();
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
    let mut booted = dom0();
    let [one, two] = [0; 2].map(|_| booted.running.new_space().unwrap());
    booted.running.enter_space(Some(&one)).unwrap();
    let calls = booted.machine().calls();
    let root = booted.machine().held_mfn(one.page().get()).unwrap();
    let (one, error) = booted.running.retire_space(one).unwrap_err();
    assert_eq!(error, Error::SpaceInUse { root });
    assert_eq!(booted.machine().calls(), calls);
    booted.running.retire_space(two).unwrap();
    booted.running.enter_space(None).unwrap();
    booted.running.retire_space(one.unwrap()).unwrap();
}
