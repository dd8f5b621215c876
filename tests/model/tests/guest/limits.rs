//! A request without enough room, frames or pages is refused with what was asked and what there is.

use mmu::{
    IoAccess, LayoutPlan, MmuError, Region,
    layout::{Bases, IO_MAP_PAGES, KernelMap},
};
use start_info::{MAX_FRAMES, Mfn, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;
use xen_model::{Booted, GuestConfig};

use crate::booted;

fn device(booted: &mut Booted, first: u64, pages: u64) -> MmuError {
    let (calls, free) = (booted.machine().calls(), booted.running.free());
    let error =
        booted.running.map_device(Mfn::new(first), PageCount::new(pages), IoAccess::Read).unwrap_err();
    assert_eq!((booted.machine().calls(), booted.running.free()), (calls, free), "{error}");
    error
}

#[test]
fn no_pages_are_not_mapped() {
    let mut booted = booted();
    assert_eq!(device(&mut booted, 0x1234, 0), MmuError::NoPages);
    for empty in [PfnRange::EMPTY, PfnRange::first(PageCount::ZERO)] {
        assert_eq!(booted.running.map_identity(empty, IoAccess::Read).unwrap_err(), MmuError::NoPages);
    }
}

#[test]
fn more_than_the_region_has_addresses_for_is_refused_with_the_region() {
    let mut booted = booted();
    let region = Region::new("device memory", Bases::FIXED.io_map(), IO_MAP_PAGES);
    for more in [1, 3, 1 << 12] {
        let wanted = PageCount::new(IO_MAP_PAGES.get() + more);
        assert_eq!(device(&mut booted, 0x1234, wanted.get()), MmuError::IoFull { wanted, region });
    }
}

/// There are enough addresses, but no memory for so many tables.
#[test]
fn more_than_there_are_tables_for_is_refused_at_once() {
    let mut booted = booted();
    let total = PageCount::new(64 * 256);
    for pages in [IO_MAP_PAGES.get(), IO_MAP_PAGES.get() - 1, 64 * 256 * 512 + 512] {
        let error = device(&mut booted, 0x1234, pages);
        assert!(matches!(error, MmuError::NoFrames { total: found, .. } if found == total), "{error}");
    }
}

#[test]
fn frames_behind_the_last_are_refused_with_the_first() {
    let mut booted = booted();
    for (before, count) in [(1, 2), (1, 513), (3, 4), (700, 701)] {
        let (first, pages) = (Mfn::new(MAX_FRAMES - before), PageCount::new(count));
        assert_eq!(device(&mut booted, first.get(), count), MmuError::NoSuchFrame { first, pages });
    }
}

#[test]
fn more_regions_than_there_is_room_for_are_refused_with_the_limit() {
    let image = PfnRange::between(Pfn::new(0x1000), Pfn::new(0x1100));
    let mut plan = LayoutPlan::new(PageCount::new(1 << 14), image, KernelMap::BUILDER, Bases::FIXED).unwrap();
    let region = |number: u64| Region::new("more", VirtAddr::new(0x1000 * (number + 1)), PageCount::new(1));
    let refused = (0..99).find_map(|number| plan.reserve(region(number)).err().map(|error| (number, error)));
    // A plan begins with nine regions.
    assert_eq!(refused, Some((7, MmuError::TooManyRegions { limit: 16 })));
    assert_eq!(plan.settle().regions().len(), 16);
}

/// Xen removes the pin, refuses to make the page writable, then refuses to pin it again: it is neither space nor page.
#[test]
fn a_space_that_is_neither_kept_nor_let_go_is_told_by_its_table() {
    let mut booted = booted();
    let space = booted.running.new_space().unwrap();
    let root = booted.machine().held_mfn(space.page().get()).unwrap();
    booted.machine_mut().refuse_at(2, mmu::Errno::EINVAL);
    booted.machine_mut().refuse_at(3, mmu::Errno::EINVAL);
    let (space, error) = booted.running.retire_space(space).unwrap_err();
    assert!(space.is_none());
    assert_eq!(error, MmuError::SpaceLost { root });
}

/// The first refusal alone leaves the space as it was: in step with the first one.
#[test]
fn a_space_that_xen_keeps_is_kept_in_step() {
    let mut booted =
        GuestConfig { machine_map: Vec::new(), ..GuestConfig::dom0(0x6000) }.build().unwrap().boot().unwrap();
    let space = booted.running.new_space().unwrap();
    booted.machine_mut().refuse_at(2, mmu::Errno::EINVAL);
    let (space, error) = booted.running.retire_space(space).unwrap_err();
    assert!(matches!(error, MmuError::Refused(_)), "{error}");
    let space = space.unwrap();
    let shared_info = booted.running.facts().shared_info().mfn();
    let _page = booted.running.map_device(shared_info, PageCount::new(1), IoAccess::Read).unwrap();
    let slot = (Bases::FIXED.io_map().as_u64() >> 39) as usize % 512;
    let entry = |root: Mfn| booted.machine().peek(root, slot).unwrap();
    assert_ne!(entry(booted.machine().held_mfn(space.page().get()).unwrap()), 0);
    assert_eq!(
        entry(booted.machine().held_mfn(space.page().get()).unwrap()),
        entry(booted.machine().root().unwrap())
    );
}
