//! Extended operations on whole pages, caches and the second root.

use mmu::Errno;
use xen_model::{GuestConfig, PageType, Release};

use crate::guest::{RO, RW, Small};

const NEW_USER_ROOT: u32 = 15;
const CLEAR: u32 = 16;

impl Small {
    fn copy(&mut self, target: u64, source: u64) -> Result<(), Errno> {
        let (target, source) = (self.mfn(target).get(), self.mfn(source).get());
        let operation = (xen_sys::MMUEXT_COPY_PAGE, target, source);
        self.machine.extended_operations(&[operation]).map_err(|stopped| stopped.errno)
    }
}

#[test]
fn a_page_is_cleared_unless_it_is_a_table_or_not_ones_own() {
    let mut small = Small::new();
    let (page, table) = (small.page(), small.table(&[]));
    small.set(page, 9, 5);
    small.pin(1, table).unwrap();
    let (page_mfn, table_mfn) = (small.mfn(page), small.mfn(table));
    small.extended(CLEAR, page_mfn).unwrap();
    assert_eq!(small.machine.peek(page_mfn, 9), Some(0));
    let (other, free) = (small.machine.other_domains_frame(), small.machine.free_frame());
    for bad in [table_mfn, other, free] {
        assert_eq!(small.refused(|small| small.extended(CLEAR, bad)), Errno::EINVAL);
    }
    // A writable mapping is not needed.
    small.set(page, 9, 5);
    small.remap(page, RO).unwrap();
    small.extended(CLEAR, page_mfn).unwrap();
    assert_eq!((small.machine.peek(page_mfn, 9), small.used(page)), (Some(0), None));
    assert_eq!(small.record(page).kind(), PageType::Writable);
}

#[test]
fn a_table_is_copied_from_and_not_to() {
    let mut small = Small::new();
    let (leaf, page) = (small.page(), small.page());
    let entry = small.entry(leaf, RO);
    let table = small.table(&[(9, entry)]);
    small.pin(1, table).unwrap();
    small.copy(page, table).unwrap();
    let word = |small: &Small, pfn| small.machine.peek(small.mfn(pfn), 9);
    assert_eq!(word(&small, page), word(&small, table));
    assert_eq!(small.refused(|small| small.copy(table, page)), Errno::EINVAL);
    let (own, other) = (small.mfn(page).get(), small.machine.other_domains_frame().get());
    for (target, source) in [(own, other), (other, own)] {
        let operation = (xen_sys::MMUEXT_COPY_PAGE, target, source);
        assert_eq!(small.machine.extended_operations(&[operation]).unwrap_err().errno, Errno::EINVAL);
    }
}

#[test]
fn caches_are_flushed_for_dom0_only() {
    let flush = |guest: GuestConfig| {
        let mut machine = guest.build().unwrap().machine;
        [xen_sys::MMUEXT_FLUSH_CACHE, xen_sys::MMUEXT_FLUSH_CACHE_GLOBAL]
            .map(|command| machine.extended_operations(&[(command, 0, 0)]).map_err(|stopped| stopped.errno.0))
    };
    assert_eq!(flush(GuestConfig::new(64 << 8)), [Err(13), Err(22)]);
    assert_eq!(flush(GuestConfig::new(64 << 8).with_release(Release::V4_20)), [Err(13), Err(13)]);
    assert_eq!(flush(GuestConfig::dom0(64 << 8)), [Ok(()), Ok(())]);
}

#[test]
fn superpages_are_gone_and_numbers_without_an_operation_are_refused() {
    let mut small = Small::new();
    for (command, errno) in [(19, 95), (20, 95), (14, 38), (21, 38), (u32::MAX, 38)] {
        let mfn = small.mfn(0x90);
        assert_eq!(small.refused(|small| small.extended(command, mfn)), Errno(errno), "{command}");
    }
}

#[test]
fn the_root_of_user_mode_holds_its_table() {
    let mut small = Small::new();
    let (first, second) = (small.table(&[]), small.table(&[]));
    let user_root = |small: &mut Small, pfn| {
        let mfn = small.mfn(pfn);
        small.extended(NEW_USER_ROOT, mfn)
    };
    user_root(&mut small, first).unwrap();
    user_root(&mut small, first).unwrap();
    assert_eq!(small.used(first), Some((PageType::Table(4), 1)));
    assert_eq!(small.refused(|small| small.remap(first, RW)), Errno::EBUSY);
    let writable = small.page();
    assert_eq!(small.refused(|small| user_root(small, writable)), Errno::EINVAL);
    user_root(&mut small, second).unwrap();
    assert_eq!((small.used(first), small.used(second)), (None, Some((PageType::Table(4), 1))));
    small.extended(NEW_USER_ROOT, start_info::Mfn::new(0)).unwrap();
    assert_eq!(small.used(second), None);
    xen_model::audit::references(&small.machine).assert_none();
}
