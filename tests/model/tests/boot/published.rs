//! Every published word.

use mmu::layout::Bases;
use xen_guest::Published;
use xen_model::{Booted, GuestConfig};

use crate::host::dom0_beside;

fn published(booted: &Booted) -> Published {
    *booted.machine().published().unwrap()
}

#[test]
fn a_list_that_stays_is_published_where_it_stays() {
    for guest in [
        GuestConfig::new(300 * 256).with_notes(),
        GuestConfig::new(5 * 0x4_0000 + 3).with_notes(),
        GuestConfig::dom0(300 * 256).with_notes(),
    ] {
        let pages = guest.pages;
        let booted = guest.with_command_line("revector=off").build().unwrap().boot().unwrap();
        let at = booted.running.facts().p2m_list().at;
        let root = booted.machine().root().unwrap();
        let expected = Published {
            max_pfn: pages,
            frame_list_list: u64::MAX,
            p2m_cr3: root.maddr().get(),
            p2m_vaddr: at,
        };
        assert_eq!(published(&booted), expected);
        for pfn in 0..pages {
            let listed = booted.machine().read(at.as_u64() + pfn * 8).unwrap();
            assert_eq!(listed, booted.machine().held_mfn(pfn).unwrap().get());
        }
    }
}

/// The tools read a list after the image only if it begins in the last page table but one that it needs.
#[test]
fn a_list_that_stays_where_the_tools_do_not_read_all_of_it_is_not_published() {
    for (image_pages, pages, is_read) in [
        (0x123, 0x4000, false),
        (0x1e0, 0x4000, false),
        (0x1e1, 0x4000, true),
        (0x200, 0x4_0000, false),
        (0x201, 0x4_0000, true),
        (0x201, 0x4_0001, false),
        (0x3ff, 0x4_0201, true),
    ] {
        let guest = GuestConfig { image_pages, ..GuestConfig::new(pages) };
        let booted = guest.with_command_line("revector=off").build().unwrap().boot().unwrap();
        let expected = if is_read { booted.machine().root().unwrap().maddr().get() } else { 0 };
        assert_eq!(published(&booted).p2m_cr3, expected, "{image_pages:#x} {pages:#x}");
    }
}

/// Such a list still names the memory that went back to Xen.
#[test]
fn a_list_that_is_not_the_whole_truth_is_not_published_as_linear() {
    let guest = dom0_beside(0x6000, 0x9000, (0x5000, 0x5400)).with_command_line("revector=off");
    let booted = guest.build().unwrap().boot().unwrap();
    let found = published(&booted);
    assert_eq!((found.max_pfn, found.frame_list_list, found.p2m_cr3), (0x6000, u64::MAX, 0));
}

#[test]
fn what_was_copied_is_published_where_it_was_copied_to() {
    let booted = GuestConfig::new(300 * 256 + 3).build().unwrap().boot().unwrap();
    let root = booted.machine().root().unwrap();
    let running = booted.running.parts();
    let list = running.publication.as_ref().unwrap().frame_list_list(&running.p2m, booted.machine()).unwrap();
    let expected = Published {
        max_pfn: 300 * 256 + 3,
        frame_list_list: list,
        p2m_cr3: root.maddr().get(),
        p2m_vaddr: Bases::FIXED.linear_p2m(),
    };
    assert_eq!(published(&booted), expected);
}

/// The guest changes an entry through the direct map; the linear form is only for reading.
#[test]
fn no_leaf_is_writable_where_the_linear_form_has_it() {
    let holes = vec![0x3000..0x3800, 0x3900..0x3901];
    let mut booted = GuestConfig { holes, ..GuestConfig::new(64 * 256 + 1) }.build().unwrap().boot().unwrap();
    let check = |booted: &Booted| {
        for leaf in 0..booted.running.pages().get().div_ceil(512) {
            let mapped =
                booted.machine().live_leaf(Bases::FIXED.linear_p2m().as_u64() + leaf * 4096).unwrap();
            assert!(!mapped.writable && !mapped.executable, "leaf {leaf:#x}: {mapped:?}");
        }
    };
    check(&booted);
    for (pfn, entry) in
        [(0x3001, p2m::P2mEntry::Identity), (0x3201, p2m::P2mEntry::Foreign(start_info::Mfn::new(5)))]
    {
        let shared = booted
            .machine()
            .live_leaf(Bases::FIXED.linear_p2m().as_u64() + (pfn >> 9) * 4096)
            .unwrap()
            .pte
            .mfn();
        booted.running.set_entry(start_info::Pfn::new(pfn), entry).unwrap();
        let own = booted
            .machine()
            .live_leaf(Bases::FIXED.linear_p2m().as_u64() + (pfn >> 9) * 4096)
            .unwrap()
            .pte
            .mfn();
        assert_ne!(own, shared, "the leaf was replaced");
        check(&booted);
    }
}
