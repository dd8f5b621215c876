//! The audits see what is wrong, and only that.

use xen_model::{ModelMachine, audit, toolstack};

use crate::guest::{BASE, Small, TABLE};

/// Returns the table and index of the boot mapping's entry for a page.
fn slot(small: &Small, pfn: u64) -> (start_info::Mfn, usize) {
    let maddr = small.slot_of(pfn);
    (start_info::Mfn::new(maddr / 4096), maddr as usize % 4096 / 8)
}

fn complaints(machine: &ModelMachine) -> (bool, bool, bool) {
    let everything = 0..u64::MAX;
    (
        !audit::references(machine).is_empty(),
        !audit::protection(machine, everything).is_empty(),
        !audit::protection_of_tables(machine).is_empty(),
    )
}

#[test]
fn a_guest_at_entry_is_clean_but_for_what_the_builder_maps_executable() {
    let small = Small::new();
    assert_eq!(complaints(&small.machine), (false, false, false));
    let all = audit::protection(&small.machine, 0..0).to_string();
    assert!(all.contains("is writable and executable"), "{all}");
}

#[test]
fn an_entry_nobody_counted_is_found() {
    let mut small = Small::new();
    let (table, index) = slot(&small, 0x90);
    let entry = small.entry(0x91, 0x8010_0000_0000_0067);
    small.machine.poke(table, index, entry);
    assert_eq!(complaints(&small.machine), (true, false, false));
    let text = audit::references(&small.machine).to_string();
    assert!(
        text.contains(&small.mfn(0x90).to_string()) && text.contains(&small.mfn(0x91).to_string()),
        "{text}"
    );
    let foreign = small.machine.other_domains_frame().maddr().get() | 0x61;
    small.machine.poke(table, index, foreign);
    assert!(complaints(&small.machine).0);
}

#[test]
fn a_writable_table_and_a_page_for_user_mode_are_found() {
    let mut small = Small::new();
    let l1 = small.table(&[]);
    small.pin(1, l1).unwrap();
    let (table, index) = slot(&small, l1);
    let entry = small.entry(l1, 0x8010_0000_0000_0067);
    small.machine.poke(table, index, entry);
    assert_eq!(complaints(&small.machine), (true, true, true));
    let user = small.entry(l1, 0x8000_0000_0000_0165);
    small.machine.poke(table, index, user);
    assert_eq!(complaints(&small.machine), (false, true, false));
}

#[test]
fn what_is_not_published_cannot_be_read_by_the_toolstack() {
    let mut small = Small::new();
    let refusal = |small: &Small| toolstack::check(&small.machine).unwrap_err();
    assert!(refusal(&small).starts_with("max_pfn is 0x0"));
    let info = small.machine.shared_info();
    small.machine.poke(info, 0xc10 / 8, small.machine.pages());
    assert_eq!(refusal(&small), "Bad mfn 0x0 for p2m frame list list".replace("p2m ", ""));
    small.machine.poke(info, 0xc38 / 8, 1);
    assert!(refusal(&small).contains("odd"));
}

#[test]
fn a_published_list_with_one_wrong_word_is_refused() {
    let booted = xen_model::GuestConfig::new(0x2345).build().unwrap().boot().unwrap();
    toolstack::check(booted.machine()).unwrap();
    let published = *booted.machine().published().unwrap();
    let at = published.p2m_vaddr.as_u64();
    let leaf = |machine: &ModelMachine, number: u64| machine.live_leaf(at + number * 4096).unwrap().pte.mfn();
    for (number, index) in
        [(0, 0), (8, 511), (0x2345 / 512, 0x144), (0x2345 / 512, 0x145), (0x2345 / 512, 511)]
    {
        let mut machine = booted.machine().clone();
        let page = leaf(&machine, number);
        machine.poke(page, index, 0x77);
        toolstack::check(&machine).unwrap_err();
    }
    let mut machine = booted.machine().clone();
    let other = leaf(&machine, 3).get();
    let top = start_info::Mfn::new(published.frame_list_list);
    let middle = start_info::Mfn::new(machine.peek(top, 0).unwrap());
    machine.poke(middle, 4, other);
    assert!(toolstack::check(&machine).unwrap_err().starts_with("leaf 0x4"));
    for (word, value) in
        [(0xc18, 0), (0xc28, 0), (0xc30, 0xffff_8000_0000_0000), (0xc30, 0xffff_c900_0020_0000)]
    {
        let mut machine = booted.machine().clone();
        let info = machine.shared_info();
        machine.poke(info, word / 8, value);
        toolstack::check(&machine).unwrap_err();
    }
}

#[test]
fn the_toolstack_follows_frames_that_change_hands() {
    let mut running = xen_model::GuestConfig::new(0x2345).build().unwrap().boot().unwrap().running;
    let frame = running.take_frame().unwrap();
    let pfn = frame.pfn();
    let machine = running.platform_mut();
    let mfn = machine.held_mfn(pfn.get()).unwrap();
    let at = machine.published().unwrap().p2m_vaddr.as_u64();
    let leaf = machine.live_leaf(at + pfn.get() / 512 * 4096).unwrap().pte.mfn();
    let publish = |machine: &mut ModelMachine, word| machine.poke(leaf, pfn.get() as usize % 512, word);

    machine.update_address(frame.address().as_u64(), 0).unwrap();
    assert_eq!(machine.decrease_reservation(&[mfn]), 1);
    toolstack::check(machine).unwrap_err();
    publish(machine, u64::MAX);
    toolstack::check(machine).unwrap();
    let new = machine.populate(&[pfn]);
    toolstack::check(machine).unwrap_err();
    publish(machine, new[0].get());
    toolstack::check(machine).unwrap();
}

#[test]
fn every_table_is_listed_with_its_level() {
    let mut small = Small::new();
    let before = audit::tables(&small.machine).count();
    let l1 = small.table(&[]);
    let entry = small.entry(l1, TABLE);
    let l2 = small.table(&[(0, entry)]);
    small.pin(2, l2).unwrap();
    let tables: Vec<_> = audit::tables(&small.machine).collect();
    assert_eq!(tables.len(), before + 2);
    assert!(tables.contains(&(small.mfn(l1), 1)) && tables.contains(&(small.mfn(l2), 2)));
    assert!(small.machine.read(BASE).is_ok());
}
