//! A domain that chose its places at boot: the image is not where it was linked, and other regions are not where they
//! usually are.

use core_walk::{ExpectedTables, Finding, Report, WalkedRegion};
use x86_64::VirtAddr;

use crate::domain::{
    DATA, Domain, FOREIGN, GUARD, IMAGE, IMAGE_END, IMAGE_PFN, LIST, MODULE_END, NX, P, Plan, RENUMBERED,
    RODATA, RW, domain_kernel,
};
use crate::{only, report, report_with};

/// Not a whole number of tables.
const SLIDE: u64 = 0x1234_5000;
const DIRECT_MAP: u64 = 0xffff_9180_0000_0000;
const LINEAR_P2M: u64 = 0xffff_d123_4000_0000;
const DEVICES: u64 = 0xffff_d800_0000_0000;
const PAYLOAD: u64 = 0xffff_e700_0000_0000;

fn slid() -> Domain {
    Domain::new(Plan { slide: SLIDE, direct_map: DIRECT_MAP, list: LINEAR_P2M, ..Plan::default() })
}

/// What the guest says of its places.
fn places() -> ExpectedTables {
    let at = VirtAddr::new_truncate;
    let image = at(IMAGE + SLIDE)..at(IMAGE_END + SLIDE - 1);
    ExpectedTables {
        direct_map: at(DIRECT_MAP),
        linear_p2m: Some(at(LINEAR_P2M)),
        devices: ExpectedTables::slot(at(DEVICES)),
        payload: ExpectedTables::slot(at(PAYLOAD)),
        ..ExpectedTables::new(image, at(MODULE_END)).slid_by(SLIDE)
    }
}

fn judged(domain: &Domain) -> Report {
    report_with(domain, &domain_kernel(), &places(), Some(&domain.listing()))
}

/// Changes a slid domain and returns its findings, all of the kind `name`.
fn broken(name: &str, change: impl FnOnce(&mut Domain)) -> Vec<Finding> {
    let mut domain = slid();
    change(&mut domain);
    only(&judged(&domain), name)
}

#[test]
fn it_passes_by_its_own_places_and_by_no_others() {
    let domain = slid();
    let found = judged(&domain);
    assert!(found.is_clean(), "{found}");
    let regions = &found.summary.regions;
    assert_eq!(
        (regions[&WalkedRegion::Image], regions[&WalkedRegion::P2mList], found.summary.guards),
        (6, 9, 1)
    );
    // At the usual places nothing of it is found.
    let found = report(&domain);
    for name in ["unexpected", "image-missing", "direct-map-missing"] {
        assert!(found.counts.contains_key(name), "{found}");
    }
    // And one that stayed is not where this one is.
    let stayed = Domain::new(Plan::default());
    let found = judged(&stayed);
    for name in ["unexpected", "image-missing", "direct-map-missing", "list-elsewhere"] {
        assert!(found.counts.contains_key(name), "{found}");
    }
}

/// Every page of the builder's mapping of the image, however it is mapped, and its neighbours.
#[test]
fn what_is_left_where_the_builder_had_the_image_is_found() {
    for (va, place) in [
        (IMAGE, WalkedRegion::OldImage),
        (IMAGE + RODATA, WalkedRegion::OldImage),
        (IMAGE_END - 4096, WalkedRegion::OldImage),
        (IMAGE - 4096, WalkedRegion::BelowImage),
        (IMAGE_END, WalkedRegion::BelowImage),
        (IMAGE + SLIDE - 4096, WalkedRegion::BelowImage),
        (IMAGE_END + SLIDE, WalkedRegion::BehindImage),
    ] {
        for flags in [NX, NX | RW, 0] {
            let found = broken("unexpected", |domain| domain.map(va, domain.plain, flags));
            let [Finding::Unexpected { leaf, region }] = &found[..] else { panic!("{found:?}") };
            assert_eq!((leaf.slot.va.as_u64(), *region), (va, place));
        }
    }
    // The same frame as in the image is no excuse.
    let found = broken("unexpected", |domain| domain.map(IMAGE, IMAGE_PFN, 0));
    let words = found[0].to_string();
    assert!(words.ends_with(" in the place that the image was moved from"), "{words}");
}

#[test]
fn the_image_is_judged_where_it_is() {
    let at = |offset: u64| IMAGE + SLIDE + offset;
    let missing = broken("image-missing", |domain| *domain.entry(at(DATA), 1) = 0);
    let [Finding::ImageMissing { va, .. }] = &missing[..] else { panic!("{missing:?}") };
    assert_eq!(va.as_u64(), at(DATA));
    for (offset, bits) in [(0, NX), (RODATA, RW), (RODATA, NX), (DATA, RW)] {
        let found = broken("image-access", |domain| *domain.entry(at(offset), 1) ^= bits);
        assert_eq!(found.len(), 1, "{offset:#x}");
    }
    broken("image-wrong", |domain| {
        let pte = domain.pte(domain.plain, NX | RW);
        *domain.entry(at(DATA), 1) = pte;
    });
    // Its guard page may be there: it is one of data.
    let mut domain = slid();
    domain.map(at(GUARD), IMAGE_PFN + 4, NX | RW);
    assert_eq!(judged(&domain).summary.guards, 0);
    // An end that is the kernel's as it was linked is too low by the slide.
    let short = VirtAddr::new_truncate(IMAGE_END + SLIDE - 4096);
    let mut places = places();
    places.image.end = short;
    *domain.entry(at(0x6000), 1) = 0;
    only(&report_with(&domain, &domain_kernel(), &places, None), "image-end");
}

/// Under a hole of the machine's memory the same frame has another number, that nothing else may say.
#[test]
fn a_page_of_the_image_may_have_got_another_number() {
    let plan =
        Plan { renumbered: 1, slide: SLIDE, direct_map: DIRECT_MAP, list: LINEAR_P2M, ..Plan::default() };
    let found = judged(&Domain::new(plan));
    assert!(found.is_clean(), "{found}");
    let at = IMAGE + SLIDE + 0x5000;
    // A frame of another's.
    let mut domain = Domain::new(plan);
    *domain.entry(at, 1) = FOREIGN << 12 | NX | RW | P;
    let found = judged(&domain);
    assert_eq!(found.counts.keys().copied().collect::<Vec<_>>(), ["foreign-frame", "image-wrong"], "{found}");
    // A page that has its number must have its frame.
    let mut domain = Domain::new(plan);
    let pte = domain.pte(RENUMBERED, NX | RW);
    *domain.entry(at + 0x1000, 1) = pte;
    let found = only(&judged(&domain), "image-wrong");
    assert!(matches!(&found[..], [Finding::ImageWrong { expected: Some(_), .. }]));
    // Where the new number is named, it is that one and no other.
    for (pages, pfn, is_right) in [
        (IMAGE_PFN + 5..IMAGE_PFN + 6, RENUMBERED, true),
        (IMAGE_PFN + 4..IMAGE_PFN + 6, RENUMBERED - 1, true),
        (IMAGE_PFN + 5..IMAGE_PFN + 6, 7, false),
    ] {
        let named = ExpectedTables { renumbered: vec![(pages, pfn)], ..places() };
        let found = report_with(&Domain::new(plan), &domain_kernel(), &named, None);
        assert_eq!(found.is_clean(), is_right, "{found}");
    }
    // And no page is two pages of the image.
    let mut domain = Domain::new(Plan { renumbered: 2, ..plan });
    assert!(judged(&domain).is_clean());
    let pte = domain.pte(RENUMBERED, NX | RW);
    *domain.entry(at + 0x1000, 1) = pte;
    let found = only(&judged(&domain), "image-wrong");
    assert!(matches!(&found[..], [Finding::ImageWrong { expected: None, .. }]));
}

#[test]
fn nothing_is_writable_and_executable_anywhere() {
    for va in [IMAGE + SLIDE, IMAGE + SLIDE + DATA] {
        let mut domain = slid();
        *domain.entry(va, 1) |= RW;
        *domain.entry(va, 1) &= !NX;
        let found = judged(&domain);
        assert!(found.counts.contains_key("write-execute"), "{found}");
    }
    for va in [IMAGE, PAYLOAD, DEVICES, DIRECT_MAP + (1 << 38)] {
        let mut domain = slid();
        domain.map(va, domain.plain, RW);
        let found = judged(&domain);
        assert!(found.counts.contains_key("write-execute"), "{va:#x}: {found}");
    }
}

#[test]
fn the_other_regions_are_judged_where_they_are() {
    let missing = broken("direct-map-missing", |domain| *domain.entry(domain.direct(domain.plain), 1) = 0);
    let [Finding::DirectMapMissing { va, .. }] = &missing[..] else { panic!("{missing:?}") };
    assert!(va.as_u64() >> 39 == DIRECT_MAP >> 39);
    let beside = broken("unexpected", |domain| domain.map(DIRECT_MAP + (1 << 38), domain.plain, NX | RW));
    assert!(matches!(&beside[..], [Finding::Unexpected { region: WalkedRegion::BesideDirectMap, .. }]));
    // The usual places are nobody's.
    for va in [0xffff_8800_0000_0000, LIST + (9 << 12), 0xffff_ca00_0000_0000, 0xffff_cb00_0000_0000] {
        let found = broken("unexpected", |domain| domain.map(va, domain.plain, NX));
        assert!(matches!(&found[..], [Finding::Unexpected { region: WalkedRegion::Elsewhere, .. }]));
    }
    let mut domain = slid();
    domain.map(PAYLOAD, domain.plain, NX | RW);
    assert_eq!(judged(&domain).summary.regions[&WalkedRegion::Payload], 1);
}

#[test]
fn a_list_that_is_not_where_the_guest_says_is_found() {
    let elsewhere =
        Plan { slide: SLIDE, direct_map: DIRECT_MAP, list: LINEAR_P2M + (1 << 30), ..Plan::default() };
    let found = only(&judged(&Domain::new(elsewhere)), "list-elsewhere");
    assert_eq!(
        found[0].to_string(),
        "list-elsewhere: p2m_vaddr 0xffffd12380000000 is not 0xffffd12340000000"
    );
}

/// Device memory has frames that are not the guest's, and no others; none of it is code.
#[test]
fn device_memory_has_devices_alone() {
    let map = |domain: &mut Domain, flags: u64| {
        domain.map(DEVICES, domain.plain, NX);
        *domain.entry(DEVICES, 1) = FOREIGN << 12 | flags | P;
    };
    let mut domain = slid();
    map(&mut domain, NX | RW);
    let found = judged(&domain);
    assert!(found.is_clean(), "{found}");
    assert_eq!(found.summary.regions[&WalkedRegion::Devices], 1);
    let code = broken("executable", |domain| map(domain, 0));
    assert!(matches!(&code[..], [Finding::Executable { region: WalkedRegion::Devices, .. }]));
    let own = broken("unexpected", |domain| domain.map(DEVICES, domain.plain, NX));
    assert!(matches!(&own[..], [Finding::Unexpected { region: WalkedRegion::Devices, .. }]));
}
