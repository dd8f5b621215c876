//! What a failed step must not lose, and what a lazy map must reach.

use kit::module::small_module;
use p2m::P2mEntry;
use start_info::Pfn;
use xen_model::{Booted, GuestConfig, Ramdisk, audit};

use crate::account::{Account, drain};
use crate::tried::try_boot;

const GIB: u64 = 1 << 18;

fn lost(guest: &GuestConfig, spoil: impl FnOnce(&mut Booted)) -> Vec<u64> {
    let mut booted = try_boot(&guest.build().unwrap(), |_| {}).result.unwrap();
    spoil(&mut booted);
    let free = drain(&mut booted);
    Account::of(&booted).nobodys(booted.machine(), &free)
}

#[test]
fn a_lazy_map_reaches_memory_behind_a_gibibyte_that_yields_nothing() {
    let ramdisk = Ramdisk::zeros(11 << 27);
    for guest in [
        GuestConfig { holes: vec![GIB..2 * GIB, 0..0], ..GuestConfig::new(3 * GIB) },
        GuestConfig { ramdisk_by_pfn: true, ..GuestConfig::new(6 * GIB).with_ramdisk(ramdisk) },
    ] {
        let mut booted = guest.with_command_line("map=lazy").build().unwrap().boot().unwrap();
        drain(&mut booted);
        assert_eq!(booted.running.mapped(), booted.running.parts().map.total());
    }
}

#[test]
fn a_module_for_which_there_are_too_few_pages_loses_none() {
    for n in 1..=5 {
        let lost = lost(&GuestConfig::new(0x2345), |booted| {
            booted.machine_mut().deny_frame_at(n);
            booted.running.load_bytes("small", &small_module()).unwrap_err();
        });
        assert!(lost.is_empty(), "frame {n}: {lost:x?}");
    }
}

/// A page number in a hole, and that of a whole leaf without memory.
const HOLE: std::ops::Range<u64> = 0x900..0x901;

#[test]
fn an_entry_that_needs_no_leaf_is_changed_without_a_free_page() {
    let guest = GuestConfig {
        image_start: 0x80,
        image_pages: 0x200,
        holes: vec![HOLE, 0..0],
        ..GuestConfig::new(0x2345)
    };
    let lost = lost(&guest, |booted| {
        drain(booted);
        booted.running.set_entry(Pfn::new(HOLE.start), P2mEntry::Identity).unwrap();
        booted.running.set_entry(Pfn::new(HOLE.start), P2mEntry::Missing).unwrap();
    });
    // The test holds what was drained, so those pages have no owner.
    assert!(!lost.is_empty());
}

#[test]
fn an_entry_loses_no_page_when_a_spare_one_is_denied() {
    for n in [1, 2] {
        let guest = GuestConfig {
            image_start: 0x80,
            image_pages: 0x200,
            holes: vec![0x800..0xc00, 0..0],
            ..GuestConfig::new(0x2345)
        };
        let lost = lost(&guest, |booted| {
            booted.machine_mut().deny_frame_at(n);
            let set = booted.running.set_entry(Pfn::new(0x900), P2mEntry::Identity);
            assert_eq!(set.is_ok(), n == 2, "a leaf needs one page, and none above it");
        });
        assert_eq!(lost, [], "{n}");
    }
}

#[test]
fn a_page_with_memory_is_named_by_its_owner_alone() {
    let mut booted = GuestConfig::new(0x2345).build().unwrap().boot().unwrap();
    let frame = booted.running.take_frame().unwrap();
    let last = Pfn::new(0x2344);
    let mfn = booted.running.entry(frame.pfn()).ram().unwrap();
    for (pfn, entry) in [
        (last, P2mEntry::Ram(mfn)),
        (last, P2mEntry::Missing),
        (last, P2mEntry::Identity),
        (frame.pfn(), P2mEntry::Foreign(mfn)),
        (frame.pfn(), P2mEntry::Ram(mfn)),
        (Pfn::new(0), P2mEntry::Missing),
    ] {
        let before = booted.running.entry(pfn);
        let refused = booted.running.set_entry(pfn, entry);
        assert!(matches!(refused, Err(mmu::MmuError::HasMemory { .. })), "{pfn} to {entry:?}: {refused:?}");
        assert_eq!(booted.running.entry(pfn), before);
    }
}

#[test]
fn memory_that_is_absent_takes_no_tables() {
    let tables = |holes: Vec<std::ops::Range<u64>>| {
        let guest = GuestConfig { holes, ..GuestConfig::new(5 * GIB) };
        audit::tables(guest.build().unwrap().boot().unwrap().machine()).count()
    };
    let (full, holed) = (tables(Vec::new()), tables(vec![GIB..3 * GIB, 0..0]));
    assert!(holed + 1000 < full, "{holed} tables with 2 GiB absent, {full} without");
}
