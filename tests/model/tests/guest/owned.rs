//! Things that already have an owner: a frame, a ramdisk.

use mmu::MmuError;
use start_info::{Pfn, PfnRange};
use xen_model::{GuestConfig, Ramdisk};

#[test]
fn a_ramdisk_that_was_lent_is_not_moved() {
    let guest = GuestConfig::new(0x6000).with_ramdisk(Ramdisk::of(vec![9; 0x3456]));
    let mut booted = guest.build().unwrap().boot().unwrap();
    let pages = booted.running.ramdisk_pages().unwrap();
    let free = booted.running.free();
    let lent = booted.running.ramdisk().unwrap().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    let moved = parts.map.move_ramdisk(machine, &parts.p2m, std::iter::empty::<PfnRange>());
    assert_eq!(moved, Err(MmuError::RamdiskLent { pages }));
    assert_eq!(booted.running.ramdisk_pages(), Some(pages));
    assert_eq!(booted.running.free(), free);
    assert!(lent.iter().all(|&byte| byte == 9));
}

#[test]
fn a_ramdisk_that_was_not_lent_is_moved() {
    let guest = GuestConfig::new(0x6000).with_ramdisk(Ramdisk::of(vec![9; 0x3456]));
    let mut booted = guest.build().unwrap().boot().unwrap();
    let pages = booted.running.ramdisk_pages().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    parts.map.move_ramdisk(machine, &parts.p2m, std::iter::empty::<PfnRange>()).unwrap();
    assert_ne!(booted.running.ramdisk_pages(), Some(pages));
    assert!(booted.running.ramdisk().unwrap().unwrap().iter().all(|&byte| byte == 9));
}

/// A frame has one owner: it gets no second page number, and its own keeps its meaning.
#[test]
fn a_number_with_memory_keeps_it_and_one_without_gets_none() {
    let holes = vec![0x3000..0x3100, 0x3200..0x3201];
    let mut booted = GuestConfig { holes, ..GuestConfig::new(64 * 256) }.build().unwrap().boot().unwrap();
    let own = booted.machine().held_mfn(0x2345).unwrap();
    let running = &mut booted.running;
    let pfn = Pfn::new(0x2345);
    for entry in [
        p2m::P2mEntry::Missing,
        p2m::P2mEntry::Identity,
        p2m::P2mEntry::Ram(own),
        p2m::P2mEntry::Foreign(own),
    ] {
        assert_eq!(running.set_entry(pfn, entry), Err(MmuError::HasMemory { pfn, mfn: own }));
        assert_eq!(running.entry(pfn), p2m::P2mEntry::Ram(own));
    }
    let gap = Pfn::new(0x3001);
    let error = MmuError::HasMemory { pfn: gap, mfn: own };
    assert_eq!(running.set_entry(gap, p2m::P2mEntry::Ram(own)), Err(error));
    assert_eq!(running.entry(gap), p2m::P2mEntry::Missing);
    running.set_entry(gap, p2m::P2mEntry::Identity).unwrap();
}
