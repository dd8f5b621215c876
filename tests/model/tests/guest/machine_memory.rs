//! Memory of the machine, mapped in the fixmap one page after the other.

use mmu::{Fixmap, MmuError, layout::FIXMAP};
use start_info::{Index, Maddr, Mfn, Pfn};
use xen_guest::Platform;
use xen_model::GuestConfig;

use crate::after::booted;
use crate::{HOLE, dom0};

#[test]
fn what_is_looked_at_is_shown_for_reading() {
    let mut booted = booted(dom0(0x6000));
    let root = booted.running.parts().map.view().root_frame().1;
    let free = booted.running.take_frame().unwrap();
    let free = booted.running.entry(free.pfn()).ram().unwrap();
    let (machine, parts) = booted.running.parts_mut();
    let mut fixmap = Fixmap::new(&parts.layout);
    let view = parts.map.view();
    for mfn in [root, free, Mfn::new(HOLE.0)] {
        let shown = fixmap.map_temporary(machine, view, mfn).unwrap();
        let leaf = machine.live_leaf(shown.address().as_u64()).unwrap();
        assert!(!leaf.writable && !leaf.executable && leaf.pte.mfn() == mfn);
        if mfn.get() != HOLE.0 {
            assert_eq!(shown.read(machine, Index::new(511)), machine.peek(mfn, 511).unwrap());
        }
    }
    fixmap.close(machine).unwrap();
    assert!(machine.live_leaf(mmu::layout::FIXMAP.as_u64() + 4096).is_err());
    booted.audit();
}

#[test]
fn machine_memory_is_read_where_the_p2m_calls_it_identity_and_nowhere_else() {
    let mut booted = booted(dom0(0x6000));
    let running = &mut booted.running;
    let mut bytes = [0; 3];
    let error = running.read_machine(Maddr::try_new(0x300_0000).unwrap(), &mut bytes);
    assert_eq!(error, Err(MmuError::NotIdentity { pfn: Pfn::new(0x3000) }));
    let behind = running.pages().get() + 0x2000;
    assert_eq!(running.entry(Pfn::new(behind)), p2m::P2mEntry::Identity);
    // Across the border of what may be read: no page stays mapped.
    let border = Maddr::try_new((HOLE.1 << 12) - 8).unwrap();
    let error = running.read_machine(border, &mut [0; 16]);
    assert_eq!(error, Err(MmuError::NotIdentity { pfn: Pfn::new(HOLE.1) }));
    assert!(running.platform().live_leaf(mmu::layout::FIXMAP.as_u64() + 4096).is_err());
    let none = Maddr::try_new((1 << 52) - 1).unwrap();
    assert!(running.read_machine(none, &mut bytes).is_err());
    running.platform_mut().write_console("");
}

#[test]
fn the_fixmap_shows_nothing_once_it_was_read() {
    let mut booted = booted(dom0(0x6000));
    let mut bytes = [0; 4097];
    for at in [0xa_0000, 0xa_0fff, 0xb_8001] {
        booted.running.read_machine(Maddr::try_new(at).unwrap(), &mut bytes).unwrap();
        for slot in 1..512 {
            assert!(booted.machine().live_leaf(FIXMAP.as_u64() + slot * 4096).is_err(), "slot {slot}");
        }
    }
}

#[test]
fn the_machines_memory_is_not_read_where_the_guest_has_its_own() {
    let mut booted = GuestConfig::dom0(0x6000).build().unwrap().boot().unwrap();
    let calls = booted.machine().calls();
    for pfn in [0x100, 0x1234, 0x5fff] {
        let at = Pfn::new(pfn);
        let address = start_info::Maddr::try_new(pfn << 12 | 0x123).unwrap();
        let found = booted.running.read_machine(address, &mut [0; 3]);
        assert_eq!(found, Err(MmuError::NotIdentity { pfn: at }));
    }
    assert_eq!(booted.machine().calls(), calls);
}
