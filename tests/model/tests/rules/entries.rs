//! What an L1 entry may hold, and changes of one entry.

use mmu::{Errno, Partial};
use start_info::Mfn;
use xen_model::{NotMapped, PageType};

use crate::guest::{BASE, RO, RW, Small};

/// Maps a machine frame at the address of some page.
fn map(small: &mut Small, mfn: Mfn, flags: u64) -> Result<(), Errno> {
    small.machine.update_address(BASE + 0x80 * 4096, mfn.maddr().get() | flags)
}

#[test]
fn a_page_of_ones_own_is_mapped_either_way_and_a_writable_mapping_counts() {
    let mut small = Small::new();
    assert_eq!(small.used(0x90), Some((PageType::Writable, 1)));
    let mfn = small.mfn(0x90);
    map(&mut small, mfn, RW).unwrap();
    assert_eq!(small.used(0x90), Some((PageType::Writable, 2)));
    assert_eq!(small.used(0x80), None, "the page mapped there before has lost its only mapping");
    map(&mut small, mfn, RO).unwrap();
    assert_eq!((small.used(0x90), small.record(0x90).references()), (Some((PageType::Writable, 1)), 2));
}

#[test]
fn frames_that_are_not_the_guests_have_the_errors_of_xen() {
    let mut small = Small::new();
    let (other, free, device) =
        (small.machine.other_domains_frame(), small.machine.free_frame(), small.machine.device_frame());
    for flags in [RO, RW] {
        for (mfn, errno) in [
            (other, Errno::EBUSY),
            (free, Errno::EBUSY),
            (device, Errno::EPERM),
            (Mfn::new((1 << 39) + 5), Errno::EPERM),
            (Mfn::new((1 << 40) - 1), Errno::EINVAL),
            // A page number where a machine number belongs.
            (Mfn::new(0x90), Errno::EBUSY),
        ] {
            assert_eq!(small.refused(|small| map(small, mfn, flags)), errno, "{mfn} {flags:#x}");
        }
    }
}

#[test]
fn shared_info_is_mapped_writable_and_is_never_a_table() {
    let mut small = Small::new();
    let mfn = small.machine.shared_info();
    map(&mut small, mfn, RW).unwrap();
    map(&mut small, mfn, RO).unwrap();
    for command in 0..4 {
        assert_eq!(small.refused(|small| small.extended(command, mfn)), Errno::EINVAL);
    }
}

#[test]
fn a_live_table_is_mapped_for_reading_only() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    assert_eq!(small.refused(|small| small.remap(table, RW)), Errno::EBUSY);
    let mfn = small.mfn(table);
    assert_eq!(small.refused(|small| map(small, mfn, RW)), Errno::EBUSY);
    map(&mut small, mfn, RO).unwrap();
    small.unpin(table).unwrap();
    small.remap(table, RW).unwrap();
}

#[test]
fn the_builders_tables_are_live() {
    let mut small = Small::new();
    let places = xen_model::GuestConfig::new(64 << 8).build().unwrap().places;
    for table in places.tables {
        assert_eq!(small.refused(|small| small.remap(table, RW)), Errno::EBUSY);
    }
}

#[test]
fn flags_of_devices_are_refused() {
    let mut small = Small::new();
    for flag in [1 << 3, 1 << 4, 1 << 7] {
        assert_eq!(small.refused(|small| small.remap(0x90, RW | flag)), Errno::EINVAL, "{flag:#x}");
    }
    for flag in [1 << 5, 1 << 6, 1 << 8, 1 << 9, 1 << 53, 1 << 58] {
        small.remap(0x90, RW | flag).unwrap();
    }
}

#[test]
fn writable_and_executable_is_refused_which_is_stricter_than_xen() {
    let mut small = Small::new();
    assert_eq!(small.refused(|small| small.remap(0x90, RW & !(1 << 63))), Errno::EINVAL);
    small.remap(0x90, RO & !(1 << 63)).unwrap();
    // The shortcut without references: only the flag changes.
    small.remap(0x90, RW).unwrap();
    assert_eq!(small.refused(|small| small.remap(0x90, RW & !(1 << 63))), Errno::EINVAL);
    let entry = small.entry(0x90, 0x63);
    let table = small.table_with_leaf_unchecked(entry);
    assert_eq!(small.refused(|small| small.pin(1, table)), Errno::EINVAL);
}

#[test]
fn an_entry_that_maps_nothing_is_zero_which_is_stricter_than_xen() {
    let mut small = Small::new();
    for word in [2, 0xffff_f000, small.entry(0x90, 0), 1 << 63] {
        assert_eq!(
            small.refused(|small| small.machine.update_address(BASE + 0x90 * 4096, word)),
            Errno::EINVAL
        );
        let table = small.table_with_leaf_unchecked(word);
        assert_eq!(small.refused(|small| small.pin(1, table)), Errno::EINVAL, "{word:#x}");
    }
    small.machine.update_address(BASE + 0x90 * 4096, 0).unwrap();
    assert_eq!(small.machine.read(BASE + 0x90 * 4096), Err(NotMapped::Empty(1)));
    assert_eq!(small.used(0x90), None);
}

#[test]
fn xen_marks_the_kernels_pages() {
    let mut small = Small::new();
    small.remap(0x90, RO).unwrap();
    let leaf = small.machine.live_leaf(BASE + 0x90 * 4096).unwrap();
    assert_eq!(leaf.pte.0, small.entry(0x90, 0x8010_0000_0000_0065));
}

#[test]
fn a_mapping_is_changed_only_where_there_is_a_lowest_table() {
    let mut small = Small::new();
    let entry = small.entry(0x90, RO);
    for address in [0, 0xffff_8800_0000_0000, 0xffff_8000_0000_0000, 0xffff_87ff_ffff_f000, 0x8000_0000_0000]
    {
        let refused = small.refused(|small| small.machine.update_address(address, entry));
        assert_eq!(refused, Errno::EINVAL, "{address:#x}");
    }
}

#[test]
fn updates_stop_at_the_first_that_is_refused() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    let at = small.mfn(table).maddr().get();
    let (good, bad) = (small.entry(0x90, RO), small.entry(table, RW));
    let stopped =
        small.machine.update_entries(&[(at, good), (at + 8, good), (at + 16, bad), (at + 24, good)]);
    assert_eq!(stopped, Err(Partial { done: 2, errno: Errno::EBUSY }));
    let words = [0, 1, 2, 3].map(|index| small.machine.peek(small.mfn(table), index).unwrap());
    assert!(words[0] != 0 && words[0] == words[1] && words[2..] == [0, 0], "{words:x?}");
}

#[test]
fn kinds_of_updates_xen_does_not_have_are_refused() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    let at = small.mfn(table).maddr().get();
    for command in 4..8 {
        let stopped = small.machine.update_entries(&[(at, 0), (at + command, 0)]);
        assert_eq!(stopped, Err(Partial { done: 1, errno: Errno::ENOSYS }));
    }
    let entry = small.entry(0x90, RO & !0x60);
    small.machine.update_entries(&[(at, entry | 0x60)]).unwrap();
    small.machine.update_entries(&[(at + 2, entry)]).unwrap();
    let word = small.machine.peek(small.mfn(table), 0).unwrap();
    assert_eq!(word & 0x60, 0x60, "the bits the processor sets were to be kept");
    small.machine.update_entries(&[(at + 3, entry)]).unwrap();
    assert_eq!(small.machine.peek(small.mfn(table), 0).unwrap() & 0x60, 0);
}

#[test]
fn an_update_of_what_is_no_table_is_refused_which_is_stricter_than_xen() {
    let mut small = Small::new();
    assert_eq!(small.refused(|small| small.update(0x90, 0, 0)), Errno::EINVAL);
    let other = small.machine.other_domains_frame().maddr().get();
    assert_eq!(small.machine.update_entries(&[(other, 0)]).unwrap_err().errno, Errno::EINVAL);
}

#[test]
fn the_m2p_is_changed_for_own_frames() {
    use p2m::MachineToPhys;
    let mut small = Small::new();
    let (mfn, other) = (small.mfn(0x90), small.machine.other_domains_frame());
    assert_eq!(small.machine.machine_to_phys(mfn), Some(0x90));
    small.machine.update_entries(&[(mfn.maddr().get() + 1, 0x91)]).unwrap();
    assert_eq!(small.machine.machine_to_phys(mfn), Some(0x91));
    assert_eq!(
        small.machine.update_entries(&[(other.maddr().get() + 1, 0x91)]).unwrap_err().errno,
        Errno::EINVAL
    );
    assert_eq!(small.machine.machine_to_phys(small.machine.free_frame()), Some(u64::MAX));
    assert_eq!(small.machine.machine_to_phys(small.machine.device_frame()), None);
}

#[test]
fn a_test_can_have_a_hypercall_refused_or_cut() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    let at = small.mfn(table).maddr().get();
    small.machine.refuse_at(2, Errno::ENOMEM);
    small.machine.cut_at(3, 1, Errno::EBUSY);
    small.update(table, 0, 0).unwrap();
    assert_eq!(small.update(table, 0, 0), Err(Errno::ENOMEM));
    let stopped = small.machine.update_entries(&[(at, 0), (at, 0), (at, 0)]);
    assert_eq!(stopped, Err(Partial { done: 1, errno: Errno::EBUSY }));
    small.update(table, 0, 0).unwrap();
    let last = small.machine.trace().iter().last().unwrap();
    assert_eq!((last.number + 1, last.result), (small.machine.calls(), Ok(())));
}

impl Small {
    /// Returns a page ready to be an L1 table, with this as entry 7.
    fn table_with_leaf_unchecked(&mut self, word: u64) -> u64 {
        self.table(&[(7, word)])
    }
}
