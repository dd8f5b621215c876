//! How a page becomes a table and ceases to be one.

use mmu::Errno;
use xen_model::{NotMapped, PageType, audit};

use crate::guest::{BASE, RO, RW, Small, TABLE};

/// Makes a chain of tables above a page: L1, L2, L3, L4.
fn chain(small: &mut Small, leaf: u64) -> [u64; 4] {
    let mut below = leaf;
    let mut flags = RO;
    let mut pages = [0; 4];
    for page in &mut pages {
        let entry = small.entry(below, flags);
        *page = small.table(&[(1, entry)]);
        (below, flags) = (*page, TABLE);
    }
    pages
}

/// Hooks the boot mapping into a top-level table that is not live yet, so that it can be switched to.
fn share_boot_mapping(small: &mut Small, l4: u64) {
    let root = small.machine.root().unwrap();
    let entry = small.machine.peek(root, 511).unwrap();
    small.update(l4, 511, entry).unwrap();
}

#[test]
fn a_table_with_a_writable_mapping_is_no_table() {
    let mut small = Small::new();
    let page = small.page();
    for level in 1..=4 {
        assert_eq!(small.refused(|small| small.pin(level, page)), Errno::EINVAL);
    }
    small.remap(page, RO).unwrap();
    small.pin(1, page).unwrap();
    assert_eq!(small.used(page), Some((PageType::Table(1), 1)));
    assert!(small.record(page).is_pinned());
}

#[test]
fn a_pin_is_a_flag() {
    let mut small = Small::new();
    let table = small.table(&[]);
    assert_eq!(small.refused(|small| small.unpin(table)), Errno::EINVAL);
    small.pin(2, table).unwrap();
    assert_eq!(small.refused(|small| small.pin(2, table)), Errno::EINVAL);
    small.unpin(table).unwrap();
    assert_eq!(small.refused(|small| small.unpin(table)), Errno::EINVAL);
    assert_eq!(small.used(table), None);
}

#[test]
fn a_table_is_of_one_level_at_a_time() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    for level in 2..=4 {
        assert_eq!(small.refused(|small| small.pin(level, table)), Errno::EINVAL);
    }
    small.unpin(table).unwrap();
    small.pin(3, table).unwrap();
}

#[test]
fn pinning_the_top_checks_and_types_all_below() {
    let mut small = Small::new();
    let leaf = small.page();
    let [l1, l2, l3, l4] = chain(&mut small, leaf);
    small.pin(4, l4).unwrap();
    for (level, table) in [(1, l1), (2, l2), (3, l3), (4, l4)] {
        assert_eq!(small.used(table), Some((PageType::Table(level), 1)), "L{level}");
        assert_eq!(small.record(table).is_pinned(), level == 4);
        assert_eq!(small.refused(|small| small.remap(table, RW)), Errno::EBUSY);
    }
    audit::references(&small.machine).assert_none();
    small.unpin(l4).unwrap();
    for table in [l1, l2, l3, l4] {
        assert_eq!(small.used(table), None);
        small.remap(table, RW).unwrap();
        let words = small.machine.read(BASE + table * 4096 + 8).unwrap();
        assert_ne!(words, 0, "the words of a table stay when it is one no more");
    }
}

#[test]
fn what_is_wrong_four_levels_down_refuses_the_pin_and_leaves_no_trace() {
    let mut small = Small::new();
    let leaf = small.page();
    let [l1, _, _, l4] = chain(&mut small, leaf);
    let other = small.machine.other_domains_frame().maddr().get() | RO;
    let device = small.machine.device_frame().maddr().get() | RO;
    for (entry, errno) in [
        (small.entry(l1, RW), Errno::EBUSY),
        (small.entry(l4, RW), Errno::EBUSY),
        (other, Errno::EBUSY),
        (device, Errno::EPERM),
        (small.entry(leaf, RO | 1 << 4), Errno::EINVAL),
        (small.entry(leaf, 0x63), Errno::EINVAL),
        (small.entry(leaf, 0), Errno::EINVAL),
    ] {
        small.remap(l1, RW).unwrap();
        small.set(l1, 300, entry);
        small.remap(l1, RO).unwrap();
        assert_eq!(small.refused(|small| small.pin(4, l4)), errno, "{entry:#x}");
    }
    small.remap(l1, RW).unwrap();
    let read_only = small.entry(l1, RO);
    small.set(l1, 300, read_only);
    small.remap(l1, RO).unwrap();
    small.pin(4, l4).unwrap();
}

#[test]
fn a_table_that_is_hooked_is_typed_at_once() {
    let mut small = Small::new();
    let leaf = small.page();
    let [l1, l2, ..] = chain(&mut small, leaf);
    let upper = small.table(&[]);
    small.pin(3, upper).unwrap();
    let entry = small.entry(l2, TABLE);
    small.update(upper, 5, entry).unwrap();
    assert_eq!(
        (small.used(l1), small.used(l2)),
        (Some((PageType::Table(1), 1)), Some((PageType::Table(2), 1)))
    );
    small.update(upper, 6, entry).unwrap();
    assert_eq!(
        (small.used(l1), small.used(l2)),
        (Some((PageType::Table(1), 1)), Some((PageType::Table(2), 2)))
    );
    small.update(upper, 5, 0).unwrap();
    assert_eq!(small.refused(|small| small.remap(l2, RW)), Errno::EBUSY);
    small.update(upper, 6, 0).unwrap();
    assert_eq!((small.used(l1), small.used(l2)), (None, None));
    small.remap(l2, RW).unwrap();
    small.remap(l1, RW).unwrap();
    audit::references(&small.machine).assert_none();
}

#[test]
fn a_table_with_a_writable_mapping_is_not_hooked() {
    let mut small = Small::new();
    let upper = small.table(&[]);
    small.pin(2, upper).unwrap();
    let page = small.page();
    let entry = small.entry(page, TABLE);
    assert_eq!(small.refused(|small| small.update(upper, 0, entry)), Errno::EINVAL);
    small.remap(page, RO).unwrap();
    small.update(upper, 0, entry).unwrap();
}

#[test]
fn entries_above_the_lowest_lead_to_own_tables_of_the_next_level() {
    let mut small = Small::new();
    let (l1, l3) = (small.table(&[]), small.table(&[]));
    small.pin(1, l1).unwrap();
    small.pin(3, l3).unwrap();
    let other = small.machine.other_domains_frame().maddr().get() | TABLE;
    let device = small.machine.device_frame().maddr().get() | TABLE;
    // stricter: linear page tables, such as the last one, are refused here.
    for entry in [small.entry(l1, TABLE), other, device, 0x90_067, small.entry(l3, RO)] {
        assert_eq!(small.refused(|small| small.update(l3, 0, entry)), Errno::EINVAL, "{entry:#x}");
    }
    let l2 = small.table(&[]);
    for flag in [1 << 3, 1 << 4, 1 << 7, 1 << 8] {
        let entry = small.entry(l2, TABLE | flag);
        assert_eq!(small.refused(|small| small.update(l3, 0, entry)), Errno::EINVAL, "{flag:#x}");
    }
    assert_eq!(small.refused(|small| small.update(l3, 0, 0x1000)), Errno::EINVAL);
    let entry = small.entry(l2, TABLE);
    small.update(l3, 0, entry).unwrap();
}

#[test]
fn a_pin_of_somebody_elses_frame_is_refused() {
    let mut small = Small::new();
    for mfn in [small.machine.other_domains_frame(), small.machine.free_frame(), small.machine.device_frame()]
    {
        for command in [0, 1, 2, 3, 4, 5] {
            assert_eq!(small.refused(|small| small.extended(command, mfn)), Errno::EINVAL);
        }
    }
}

#[test]
fn xens_slots_are_closed_to_updates_and_overwritten_when_a_root_is_checked() {
    let mut small = Small::new();
    let junk = [(255, 0), (256, 0xdead_beef), (264, 7), (271, u64::MAX), (272, 0)];
    let l4 = small.table(&junk);
    small.pin(4, l4).unwrap();
    let mfn = small.mfn(l4);
    let slots = [264, 271].map(|slot| small.machine.peek(mfn, slot).unwrap());
    assert!(slots.iter().all(|slot| slot & 1 == 1 && ![7, u64::MAX].contains(slot)), "{slots:x?}");
    assert_eq!(small.machine.peek(mfn, 256), Some(0), "the M2P's slot is filled when the table is used");
    let l3 = small.table(&[]);
    let entry = small.entry(l3, TABLE);
    for slot in [256, 264, 271] {
        assert_eq!(small.refused(|small| small.update(l4, slot, entry)), Errno::EINVAL);
        assert_eq!(small.refused(|small| small.update(l4, slot, 0)), Errno::EINVAL);
    }
    for slot in [255, 272] {
        small.update(l4, slot, entry).unwrap();
    }
    assert_eq!(small.used(l3), Some((PageType::Table(3), 2)));
}

#[test]
fn the_root_may_be_switched_without_a_pin_and_the_old_one_goes_with_its_last_hold() {
    let mut small = Small::new();
    let old = xen_model::GuestConfig::new(64 << 8).build().unwrap().places.tables;
    let leaf = small.page();
    let [_, _, l3, l4] = chain(&mut small, leaf);
    assert_eq!(small.refused(|small| small.new_root(leaf)), Errno::EINVAL);
    assert_eq!(small.refused(|small| small.new_root(old.start + 1)), Errno::EINVAL);
    small.pin(4, l4).unwrap();
    share_boot_mapping(&mut small, l4);
    small.new_root(l4).unwrap();
    small.new_root(l4).unwrap();
    assert_eq!(
        (small.used(l4), small.used(l3)),
        (Some((PageType::Table(4), 2)), Some((PageType::Table(3), 1)))
    );
    small.unpin(l4).unwrap();
    assert_eq!(small.used(l4), Some((PageType::Table(4), 1)), "the processor holds it");
    assert_eq!(small.used(old.start), Some((PageType::Table(4), 1)), "the pin holds it");
    small.unpin(old.start).unwrap();
    assert_eq!(small.used(old.start), None);
    assert_eq!(
        small.used(old.start + 1),
        Some((PageType::Table(3), 1)),
        "the new root leads to the boot mapping"
    );
    assert_eq!(small.machine.read(0x1000 + (1 << 21) + (1 << 30) + (1 << 39)), Ok(0));
    audit::references(&small.machine).assert_none();
}

#[test]
fn unpinning_a_root_in_use_keeps_it() {
    let mut small = Small::new();
    let tables = xen_model::GuestConfig::new(64 << 8).build().unwrap().places.tables;
    small.unpin(tables.start).unwrap();
    assert_eq!(small.used(tables.start), Some((PageType::Table(4), 1)));
    assert_eq!(small.machine.read(0x5000), Err(NotMapped::Empty(4)));
    small.machine.read(BASE).unwrap();
    audit::references(&small.machine).assert_none();
}

#[test]
fn a_draft_under_a_live_table_that_maps_it_is_frozen_before_it_is_hooked_in_one_batch() {
    let mut small = Small::new();
    let upper = small.table(&[]);
    small.pin(2, upper).unwrap();
    let page = small.page();
    let hook = (small.mfn(upper).maddr().get(), small.entry(page, TABLE));
    let l1 = small.machine.live_leaf(BASE + page * 4096).unwrap();
    assert!(l1.writable);
    let slot = small.slot_of(page);
    let freeze = (slot, small.entry(page, RO));
    assert_eq!(small.machine.update_entries(&[hook, freeze]).unwrap_err().done, 0);
    small.machine.update_entries(&[freeze, hook]).unwrap();
    assert_eq!(
        small.machine.write(BASE + page * 4096, 0),
        Err(Errno::EFAULT),
        "no stale translation is left"
    );
}

impl Small {
    /// Returns the machine address of the boot mapping's entry for a page.
    pub(crate) fn slot_of(&self, pfn: u64) -> u64 {
        let mut table = self.machine.root().unwrap();
        for shift in [39, 30, 21] {
            let index = ((BASE + pfn * 4096) >> shift) as usize % 512;
            table = xen_model::Pte(self.machine.peek(table, index).unwrap()).mfn();
        }
        table.maddr().get() + pfn % 512 * 8
    }
}
