//! A start_info whose rings are not the two pages after it.

use mmu::layout::KERNEL_MAP;
use start_info::{Mfn, PfnRange, RingName, StartInfoError};
use xen_guest::{Cause, Platform, Stage};
use xen_model::{Built, GuestConfig};

const STORE_MFN: usize = 0x38;
const CONSOLE_MFN: usize = 0x48;
const RINGS: [(RingName, usize); 2] = [(RingName::Xenstore, STORE_MFN), (RingName::Console, CONSOLE_MFN)];

fn guest() -> Built {
    GuestConfig::new((64 << 8) + 3).build().unwrap()
}

fn set(built: &mut Built, at: usize, mfn: u64) {
    built.page[at..at + 8].copy_from_slice(&mfn.to_le_bytes());
}

fn refused(built: Built) -> (Box<Built>, StartInfoError) {
    let (built, failure) = built.boot().unwrap_err();
    match failure.cause() {
        Cause::StartInfo(error) => (built, *error),
        other => panic!("{other:?}: {failure}"),
    }
}

/// The contents of every page of the guest's, to check that only the ring's was stored to.
fn contents(built: &Built) -> Vec<(u64, Vec<u64>)> {
    let words = |pfn: u64| {
        let at = KERNEL_MAP.as_u64() + pfn * 4096;
        (0..512).map(|index| built.machine.read(at + index * 8).unwrap()).collect()
    };
    (0..built.places.end).map(|pfn| (pfn, words(pfn))).collect()
}

/// Frames that are not a ring's, and the page that Xen's M2P gives each.
fn wrong_frames(built: &Built) -> [(&'static str, Mfn); 9] {
    let (machine, places) = (&built.machine, &built.places);
    let own = |pfn: u64| machine.built_mfn(pfn).unwrap();
    [
        ("a page elsewhere", own(places.end + 5)),
        ("text", own(places.image.start)),
        ("start_info itself", own(places.start_info)),
        ("a page table", own(places.tables.start)),
        ("the boot stack", own(places.stack)),
        ("page 0", own(0)),
        ("another domain's", machine.other_domains_frame()),
        ("nobody's", machine.free_frame()),
        ("a frame without an M2P entry", Mfn::new((1 << 40) - 1)),
    ]
}

#[test]
fn a_ring_that_is_not_behind_start_info_is_refused_before_anything_is_stored() {
    for (ring, at) in RINGS {
        for rank in 0..9 {
            let mut built = guest();
            let (what, mfn) = wrong_frames(&built)[rank];
            set(&mut built, at, mfn.get());
            let before = contents(&built);
            let first = built.places.start_info + 1;
            let allowed =
                PfnRange::try_new(start_info::Pfn::new(first), start_info::PageCount::new(2)).unwrap();
            let back = p2m::MachineToPhys::machine_to_phys(&built.machine, mfn);
            let (built, error) = refused(built);
            assert_eq!(error, StartInfoError::RingElsewhere { ring, mfn, back, allowed }, "{what}");
            assert_eq!(built.machine.calls(), 0, "{what}");
            assert!(before == contents(&built), "{what}: a page was stored to");
        }
    }
}

#[test]
fn the_refusal_is_said_where_the_console_belongs() {
    for (_, at) in RINGS {
        let mut built = guest();
        let text = built.machine.built_mfn(built.places.image.start).unwrap();
        set(&mut built, at, text.get());
        let (built, _) = refused(built);
        let console = built.places.console.unwrap();
        assert_eq!(built.machine.console_at(), Some(KERNEL_MAP.as_u64() + console * 4096));
    }
}

/// A console that is wrong is not looked for where xenstore's ring is.
#[test]
fn the_refusal_is_not_said_into_xenstores_ring() {
    let mut built = guest();
    let [store, console] = [built.places.xenstore, built.places.console]
        .map(|page| (page.unwrap(), built.machine.built_mfn(page.unwrap()).unwrap()));
    let text = built.machine.built_mfn(built.places.image.start).unwrap();
    // xenstore's ring is said to be in the last of the two pages.
    set(&mut built, STORE_MFN, console.1.get());
    set(&mut built, CONSOLE_MFN, text.get());
    built.machine.set_ring(store.1);
    let (built, _) = refused(built);
    assert_eq!(built.machine.console_at(), Some(KERNEL_MAP.as_u64() + store.0 * 4096));
}

/// Publishing stores to shared_info, which is never a page of the guest's own.
#[test]
fn a_shared_info_that_is_the_guests_own_memory_is_refused() {
    const SHARED_INFO: usize = 0x28;
    let mut built = guest();
    let text = built.machine.built_mfn(built.places.image.start).unwrap();
    let at = u64::from_le_bytes(built.page[SHARED_INFO..SHARED_INFO + 8].try_into().unwrap());
    assert_eq!(at, built.machine.shared_info().maddr().get(), "the field is elsewhere");
    set(&mut built, SHARED_INFO, text.maddr().get());
    let pfn = start_info::Pfn::new(built.places.image.start);
    let (_, failure) = built.boot().unwrap_err();
    let expected = Cause::Mmu(mmu::MmuError::OwnMemory { mfn: text, pfn });
    assert_eq!((failure.stage(), failure.cause()), (Stage::SharedInfo, &expected));
}

#[test]
fn rings_that_stand_the_other_way_round_are_used_as_they_stand() {
    let mut built = guest();
    let [store, console] = [built.places.xenstore, built.places.console]
        .map(|page| built.machine.built_mfn(page.unwrap()).unwrap());
    set(&mut built, STORE_MFN, console.get());
    set(&mut built, CONSOLE_MFN, store.get());
    built.machine.set_ring(store);
    built.boot().unwrap();
}

#[test]
fn one_page_for_both_rings_is_refused() {
    for from in [STORE_MFN, CONSOLE_MFN] {
        let mut built = guest();
        let frame = u64::from_le_bytes(built.page[from..from + 8].try_into().unwrap());
        set(&mut built, STORE_MFN, frame);
        set(&mut built, CONSOLE_MFN, frame);
        built.machine.set_ring(Mfn::new(frame));
        let (_, error) = refused(built);
        assert_eq!(error, StartInfoError::SharedFrame { ring: RingName::Console, mfn: Mfn::new(frame) });
    }
}

/// The rings of two domains with one kernel have the same page numbers, so the M2P alone does not tell them apart.
#[test]
fn another_domains_ring_at_the_same_page_number_is_refused() {
    for (ring, at) in RINGS {
        let mut built = guest();
        let mfn = built.machine.other_domains_frame();
        let pfn = match ring {
            RingName::Xenstore => built.places.xenstore.unwrap(),
            RingName::Console => built.places.console.unwrap(),
        };
        built.machine.set_machine_to_phys(mfn, pfn);
        set(&mut built, at, mfn.get());
        let (built, error) = refused(built);
        let listed = built.machine.built_mfn(pfn);
        let pfn = start_info::Pfn::new(pfn);
        assert_eq!(error, StartInfoError::RingNotListed { ring, mfn, pfn, listed });
    }
}

/// The boot logs, but on the host the logger writes nowhere: a console left at an old mapping would show only on Xen.
#[test]
fn the_console_still_stands_after_the_boot() {
    let mut booted = GuestConfig::new(64 * 256).build().unwrap().boot().unwrap();
    booted.machine_mut().write_console("still here");
    let start_info::Console::Ring(ring) = booted.running.facts().console() else {
        panic!("a domU without a ring")
    };
    assert_eq!(booted.machine().console_port(), Some(ring.port));
}
