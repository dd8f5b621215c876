//! Every flush of a boot, by the order of its hypercalls.
//!
//! *What this is*: the hypercalls of a boot, one letter each (`Trace::letters`). A dropped flush is a missing letter.
//! If Xen refuses the flush, the line must say so.

use xen_model::{GuestConfig, Ramdisk};

use crate::host::dom0_beside;

/// The last hypercalls of a boot.
fn boot(guest: &GuestConfig) -> String {
    guest.build().unwrap().boot().unwrap().machine().trace().letters()
}

fn dom0(hole: (u64, u64), end: u64) -> GuestConfig {
    dom0_beside(0x6000, end, hole)
}

/// Tables (the guard page is unmapped earlier, at entry); the switch; what is released; then shared_info and the callbacks for
/// events.
#[test]
fn a_boot() {
    assert_eq!(boot(&GuestConfig::new(64 * 256)), "QUUUPRUFFVEEE");
    let own_list = GuestConfig::dom0(0x6000).with_notes();
    assert_eq!(boot(&own_list), "QUUUPRUFUFVEEE");
}

/// The renumbering is flushed before anything else; pages for Xen are flushed before they go back.
#[test]
fn a_boot_on_a_host_with_a_hole() {
    assert_eq!(boot(&dom0((0xa0, 0x100), 0x9000)), "QUFUUUPRUFFVEEE");
    // No page gets another number.
    assert_eq!(boot(&dom0((0xa0, 0x100), 0x6000)), "QUFMUUUPRUFFVEEE");
    let guest = GuestConfig::dom0(0x6000).with_ramdisk(Ramdisk::of(vec![7; 0x3456]));
    let ramdisk = guest.build().unwrap().places.ramdisk.unwrap();
    let map = dom0((ramdisk.start, ramdisk.end), 0x6000).machine_map;
    assert_eq!(boot(&GuestConfig { machine_map: map, ..guest }), "QFUUUPRUFFVEEEUFM");
}

#[test]
fn a_refused_flush_is_told_as_one() {
    for (number, guest) in [(3, dom0((0xa0, 0x100), 0x9000)), (3, dom0((0xa0, 0x100), 0x6000))] {
        let mut built = guest.build().unwrap();
        built.machine.refuse_at(number, mmu::Errno::EINVAL);
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "memory map: flushing the TLB: Xen refused operation 0 with EINVAL (-22)"
        );
    }
}
