//! Pages of descriptors: what may be one, and how one may not be used.

use mmu::Errno;
use xen_model::{LocalTable, PageType};

use crate::guest::{BASE, RO, RW, Small};

const CODE: u64 = 0x00af_9b00_0000_ffff;
const CODE_IN_RING_3: u64 = 0x00af_fb00_0000_ffff;
const TASK: u64 = 0x0000_8900_0000_0067;
const MOST: u32 = 7168;

impl Small {
    fn set_gdt(&mut self, pages: &[u64], entries: u32) -> Result<(), Errno> {
        let frames: Vec<_> = pages.iter().map(|&pfn| self.mfn(pfn).get()).collect();
        self.machine.set_gdt(&frames, entries)
    }

    fn set_descriptor(&mut self, pfn: u64, index: u64, descriptor: u64) -> Result<(), Errno> {
        let address = self.mfn(pfn).maddr().get() + index * 8;
        self.machine.update_descriptor(address, descriptor)
    }

    fn word(&self, pfn: u64, index: usize) -> u64 {
        self.machine.peek(self.mfn(pfn), index).unwrap()
    }
}

#[test]
fn a_page_in_the_global_table_is_held_as_descriptors_and_put_right() {
    let mut small = Small::new();
    let page = small.table(&[(2, CODE)]);
    small.set_gdt(&[page], 3).unwrap();
    assert_eq!((small.used(page), small.record(page).references()), (Some((PageType::Descriptors, 1)), 2));
    assert_eq!(small.word(page, 2), CODE_IN_RING_3);
    assert_eq!(small.machine.gdt().collect::<Vec<_>>(), [small.mfn(page)]);
    xen_model::audit::references(&small.machine).assert_none();
}

#[test]
fn descriptors_in_use_are_neither_writable_nor_a_table() {
    let mut small = Small::new();
    let page = small.table(&[]);
    small.set_gdt(&[page], 1).unwrap();
    assert_eq!(small.refused(|small| small.remap(page, RW)), Errno::EBUSY);
    for level in 1..=4 {
        assert_eq!(small.refused(|small| small.pin(level, page)), Errno::EINVAL);
    }
    let mfn = small.mfn(page);
    assert_eq!(small.refused(|small| small.update(page, 0, 0)), Errno::EINVAL);
    assert_eq!(small.refused(|small| small.extended(16, mfn)), Errno::EINVAL);
    small.remap(page, RO).unwrap();
    small.set_gdt(&[], 0).unwrap();
    assert_eq!((small.used(page), small.machine.gdt().count()), (None, 0));
    small.remap(page, RW).unwrap();
}

#[test]
fn what_is_writable_or_a_table_or_not_ones_own_is_no_page_of_descriptors() {
    let mut small = Small::new();
    let (good, writable, table) = (small.table(&[]), small.page(), small.table(&[]));
    small.pin(1, table).unwrap();
    for bad in [
        small.mfn(writable),
        small.mfn(table),
        small.machine.other_domains_frame(),
        small.machine.free_frame(),
        small.machine.device_frame(),
        small.machine.shared_info(),
    ] {
        let frames = [small.mfn(good).get(), bad.get()];
        assert_eq!(small.refused(|small| small.machine.set_gdt(&frames, 513)), Errno::EINVAL, "{bad}");
    }
    assert_eq!(small.refused(|small| small.machine.set_gdt(&[u64::MAX], 1)), Errno::EINVAL);
    assert_eq!(small.machine.gdt().count(), 0);
    // Only as many frames are checked as the descriptors need.
    small.set_gdt(&[good, writable], 512).unwrap();
}

#[test]
fn all_descriptors_of_a_page_are_checked_whatever_the_number_is() {
    let mut small = Small::new();
    let page = small.table(&[(3, CODE), (400, TASK), (401, CODE)]);
    assert_eq!(small.refused(|small| small.set_gdt(&[page], 1)), Errno::EINVAL);
    assert_eq!((small.word(page, 3), small.word(page, 401)), (CODE_IN_RING_3, CODE));
}

#[test]
fn the_entries_of_xen_are_out_of_reach() {
    let mut small = Small::new();
    let page = small.table(&[]);
    let all = [page; 15];
    assert_eq!(small.refused(|small| small.set_gdt(&all, MOST + 1)), Errno::EINVAL);
    assert_eq!(small.refused(|small| small.set_gdt(&all[..13], MOST)), Errno::EFAULT);
    small.set_gdt(&all, MOST).unwrap();
    assert_eq!(small.used(page), Some((PageType::Descriptors, 14)));
}

#[test]
fn a_new_table_lets_the_old_one_go_and_a_refused_one_does_not() {
    let mut small = Small::new();
    let (first, second, writable) = (small.table(&[]), small.table(&[]), small.page());
    small.set_gdt(&[first], 1).unwrap();
    small.refused(|small| small.set_gdt(&[second, writable], 1024));
    assert_eq!((small.used(first), small.used(second)), (Some((PageType::Descriptors, 1)), None));
    small.set_gdt(&[second], 1).unwrap();
    assert_eq!((small.used(first), small.used(second)), (None, Some((PageType::Descriptors, 1))));
    small.remap(first, RW).unwrap();
    small.set_gdt(&[second, second], 1024).unwrap();
    assert_eq!(small.used(second), Some((PageType::Descriptors, 2)));
}

#[test]
fn a_single_descriptor_is_written_to_descriptors_and_to_ordinary_pages() {
    let mut small = Small::new();
    let (page, ordinary, table) = (small.table(&[]), small.page(), small.table(&[]));
    small.pin(1, table).unwrap();
    small.set_gdt(&[page], 1).unwrap();
    for target in [page, ordinary] {
        small.set_descriptor(target, 7, CODE).unwrap();
        assert_eq!(small.word(target, 7), CODE_IN_RING_3);
        assert_eq!(small.refused(|small| small.set_descriptor(target, 8, TASK)), Errno::EINVAL);
        assert_eq!(small.word(target, 8), 0);
    }
    assert_eq!(
        (small.used(page), small.used(ordinary)),
        (Some((PageType::Descriptors, 1)), Some((PageType::Writable, 1)))
    );
    assert_eq!(small.refused(|small| small.set_descriptor(table, 7, 0)), Errno::EINVAL);
    let (own, other) = (small.mfn(page).maddr().get(), small.machine.other_domains_frame().maddr().get());
    for address in [own + 4, other, !7] {
        assert_eq!(small.refused(|small| small.machine.update_descriptor(address, 0)), Errno::EINVAL);
    }
}

#[test]
fn a_local_table_is_checked_when_it_is_named() {
    let mut small = Small::new();
    let mut set = |address: u64, entries: u64| {
        let result = small.machine.extended_operations(&[(xen_sys::MMUEXT_SET_LDT, address, entries)]);
        (result.map_err(|stopped| stopped.errno), small.machine.ldt())
    };
    let named = Some(LocalTable { address: BASE, entries: 8192 });
    assert_eq!(set(BASE, 8192), (Ok(()), named));
    for (address, entries) in
        [(BASE, 8193), (BASE + 8, 1), (0xffff_8000_0000_0000, 1), (0xffff_87ff_ffff_f000, 1), (1 << 47, 1)]
    {
        assert_eq!(set(address, entries), (Err(Errno::EINVAL), named), "{address:#x} {entries}");
    }
    assert_eq!(set(0x1000, 1).0, Ok(()));
    // Without entries the address does not matter.
    assert_eq!(set(0x8000_0000_0001, 0), (Ok(()), None));
}
