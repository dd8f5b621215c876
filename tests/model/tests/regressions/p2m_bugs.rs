//! The P2M: holes, edges, tails, sizes.

use p2m::P2mEntry;
use start_info::{Mfn, Pfn};
use xen_model::{GuestConfig, toolstack};

use crate::booted::{Booted, booted};

/// Returns the machine frame of a leaf of the linear list.
fn leaf(booted: &Booted, index: u64) -> Mfn {
    let start = booted.machine().published().unwrap().p2m_vaddr.as_u64();
    booted.machine().live_leaf(start + index * 4096).unwrap().pte.mfn()
}

/// Oracle UEK 2.6.39-300.6, 2012: "When revectoring deal with holes in the P2M array". A leaf without a page was copied
/// as if it were a list.
#[test]
fn uek_holes_stay_missing_when_the_leaves_are_moved() {
    let holes = vec![0x2400..0x2401, 0x2600..0x2a00, 0x2bff..0x3001, 0x35f0..0x35ff];
    for guest in [GuestConfig::new(0x3600), GuestConfig::dom0(0x3600).with_notes()] {
        let mut booted = booted(GuestConfig { holes: holes.clone(), image_start: 0x80, ..guest });
        booted.every_page_round_trips();
        for pfn in holes.iter().cloned().flatten() {
            assert_eq!(booted.running.entry(Pfn::new(pfn)), P2mEntry::Missing);
            let word = booted.machine().peek(leaf(&booted, pfn / 512), (pfn % 512) as usize);
            assert_eq!(word, Some(u64::MAX), "{pfn:#x} as the toolstack sees it");
        }
        assert_eq!(leaf(&booted, 0x13), leaf(&booted, 0x14), "leaves without a page share one");
        booted.a_module_loads();
        booted.audit();
    }
}

/// Oracle UEK, the same change log: an off-by-one in the check of the tree's directory lost the entries after the last
/// full one.
#[test]
fn uek_off_by_one_every_page_is_found_at_every_edge() {
    for pages in [0x2000, 0x2200, 1 << 18].into_iter().flat_map(|edge| edge - 1..=edge + 1) {
        for revector in ["", "revector=off"] {
            let booted = booted(
                GuestConfig { image_start: 0x80, ..GuestConfig::new(pages) }.with_command_line(revector),
            );
            booted.every_page_round_trips();
            assert_eq!(booted.running.parts().p2m.leaves(), pages.div_ceil(512));
            assert_eq!(booted.running.entry(Pfn::new(pages)), P2mEntry::Missing);
        }
    }
}

/// The second version of the seed's series, 2012: `memset` filled the new leaves with 0 instead of 0xff, so pages after
/// the last one had machine frame 0.
#[test]
fn v2_memset_the_tail_of_the_last_leaf_is_missing_and_not_frame_0() {
    for guest in [GuestConfig::new(0x2001), GuestConfig::new(0x21ff).with_notes(), GuestConfig::dom0(0x2100)]
    {
        let pages = guest.pages;
        let booted = booted(GuestConfig { image_start: 0x80, ..guest });
        let last = leaf(&booted, (pages - 1) / 512);
        for index in 0..512 {
            let pfn = (pages - 1) / 512 * 512 + index;
            let expected = booted.machine().built_mfn(pfn).map_or(u64::MAX, Mfn::get);
            assert_eq!(booted.machine().peek(last, index as usize), Some(expected), "{pfn:#x} of {pages:#x}");
        }
    }
}

/// Xen 50bd1f0825 and Linux's `xen_512gb_limit`, 2015: the three-level form ends at 512 GiB. A guest with a page more
/// and a tree that looked valid could not be saved, or was saved in part.
#[test]
fn above_512_gb_the_linear_form_is_published_and_the_tree_is_invalid() {
    let mut booted = booted(GuestConfig::new(513 << 18).with_notes().with_command_line("map=lazy"));
    let published = *booted.machine().published().unwrap();
    assert_eq!((published.max_pfn, published.frame_list_list), (513 << 18, u64::MAX));
    assert_ne!(published.p2m_cr3, 0);
    assert_eq!(booted.running.parts().p2m.inner_levels(), 3);
    let pages = booted.guest.pages;
    for pfn in (0..pages).step_by(0x1_fff1).chain([(1 << 27) - 1, 1 << 27, (1 << 27) + 1, pages - 1]) {
        let mfn = booted.machine().built_mfn(pfn);
        assert_eq!(booted.running.entry(Pfn::new(pfn)).ram(), mfn, "{pfn:#x}");
        let word = booted.machine().peek(leaf(&booted, pfn / 512), (pfn % 512) as usize);
        assert_eq!(word, mfn.map(Mfn::get), "{pfn:#x} as a save would read it");
    }
    booted.a_module_loads();
}

/// Mirage #883: after `xl save` and restore or cancel the console was silent, because its frame was the old machine's.
/// A save needs both rings' frames to be pages of the guest, and both forms of the P2M to be readable by the toolstack.
#[test]
fn mirage_883_the_rings_are_pages_of_the_guest_and_the_toolstack_can_follow_the_p2m() {
    let booted = booted(GuestConfig { image_start: 0x80, ..GuestConfig::new(0x2345) });
    let places = &booted.places;
    let facts = &booted.running.facts();
    let start_info::Console::Ring(console) = facts.console() else { panic!("a domU has a ring") };
    for (ring, place) in [(console, places.console), (facts.xenstore().unwrap(), places.xenstore)] {
        let pfn = booted.machine().built_pfn(ring.mfn).unwrap();
        assert_eq!(Some(pfn.get()), place);
        assert_eq!(booted.running.entry(pfn), P2mEntry::Ram(ring.mfn));
        let at = booted.running.parts().map.view().direct().address(pfn).unwrap().as_u64();
        let leaf = booted.machine().live_leaf(at).unwrap();
        assert!(leaf.writable && leaf.pte.mfn() == ring.mfn, "{leaf:?}");
    }
    toolstack::check(booted.machine()).unwrap();
}
