//! Mappings: their protection, and what may be mapped where.

use core_walk::{Aliases, ExpectedTables, Finding, WalkedRegion};
use x86_64::VirtAddr;

use crate::domain::{
    DIRECT_MAP, FIXMAP, FOREIGN, IMAGE, IMAGE_END, IMAGE_PFN, LIST, LOW_PAGES, MODULE_END, MODULES, NX, P,
    PAYLOAD, PFN_END, RW, direct, domain_kernel,
};
use crate::{broken, expected, only, report, report_with, sound};

#[test]
fn a_writable_and_executable_page_is_found() {
    let found = broken("write-execute", |domain| *domain.entry(MODULES, 1) |= RW);
    let [Finding::WriteExecute { leaf }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(leaf.slot.va.as_u64(), MODULES);
}

#[test]
fn all_four_levels_together_decide_about_access() {
    for level in 2..=4 {
        let mut domain = sound();
        // Writable and executable by its own entry, but one level above forbids execution.
        *domain.entry(direct(domain.plain), 1) &= !NX;
        *domain.entry(DIRECT_MAP, level) |= NX;
        let report = report(&domain);
        assert!(report.is_clean(), "{report}");
    }
}

#[test]
fn executable_pages_outside_code_are_found() {
    let direct_map = broken("executable", |domain| *domain.entry(direct(IMAGE_PFN), 1) &= !NX);
    assert!(matches!(&direct_map[..], [Finding::Executable { region: WalkedRegion::DirectMap, .. }]));
    let list = broken("executable", |domain| *domain.entry(LIST, 1) &= !(NX | RW));
    assert!(matches!(&list[..], [Finding::Executable { region: WalkedRegion::P2mList, .. }]));
    let fixmap = broken("executable", |domain| *domain.entry(FIXMAP + 4096, 1) &= !(NX | RW));
    assert!(matches!(&fixmap[..], [Finding::Executable { region: WalkedRegion::Fixmap, .. }]));
}

#[test]
fn a_writable_alias_of_code_is_counted_or_refused() {
    let mut domain = sound();
    *domain.entry(direct(IMAGE_PFN + 1), 1) |= RW;
    let counted = report(&domain);
    assert!(counted.is_clean(), "{counted}");
    assert_eq!(counted.summary.writable_aliases, 1);

    let strict = ExpectedTables { aliases: Aliases::Refuse, ..expected() };
    let refused = report_with(&domain, &domain_kernel(), &strict, None);
    let found = only(&refused, "writable-alias");
    let [Finding::WritableAlias { code, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(code.as_u64(), IMAGE + 4096);
}

#[test]
fn a_missing_direct_map_page_is_found() {
    let found = broken("direct-map-missing", |domain| *domain.entry(direct(domain.plain), 1) = 0);
    assert_eq!(found.len(), 1);
    let last = broken("direct-map-missing", |domain| *domain.entry(direct(PFN_END - 1), 1) = 0);
    assert_eq!(last.len(), 1);
}

#[test]
fn a_wrong_direct_map_page_is_found() {
    let [one, two] = [LOW_PAGES - 1, LOW_PAGES - 2];
    let swapped = broken("direct-map-wrong", |domain| {
        let (a, b) = (domain.pte(one, NX | RW), domain.pte(two, NX | RW));
        *domain.entry(direct(one), 1) = b;
        *domain.entry(direct(two), 1) = a;
    });
    assert_eq!(swapped.len(), 2);
    let hole = broken("direct-map-wrong", |domain| {
        let pte = domain.pte(one, NX | RW);
        *domain.entry(direct(LOW_PAGES), 1) = pte;
    });
    assert!(matches!(&hole[..], [Finding::DirectMapWrong { expected: None, .. }]));
}

#[test]
fn mappings_outside_the_regions_are_found() {
    let places = [
        (0, WalkedRegion::PageZero),
        (0x1000, WalkedRegion::Elsewhere),
        (direct(PFN_END), WalkedRegion::BesideDirectMap),
        (DIRECT_MAP + (1 << 39) - 4096, WalkedRegion::BesideDirectMap),
        (DIRECT_MAP + (1 << 39), WalkedRegion::Elsewhere),
        (LIST + 9 * 4096, WalkedRegion::Elsewhere),
        (0xffff_ffff_8000_0000, WalkedRegion::BelowImage),
        (IMAGE - 4096, WalkedRegion::BelowImage),
        (IMAGE_END, WalkedRegion::BehindImage),
        (MODULES - 4096, WalkedRegion::BehindImage),
        (MODULE_END, WalkedRegion::BehindModules),
        (FIXMAP - 4096, WalkedRegion::BehindModules),
        (FIXMAP + 0x20_0000, WalkedRegion::Elsewhere),
        (0xffff_ffff_ffff_f000, WalkedRegion::Elsewhere),
    ];
    for (va, expected_region) in places {
        let found = broken("unexpected", |domain| domain.map(va, domain.plain, NX | RW));
        let [Finding::Unexpected { leaf, region }] = &found[..] else { panic!("{found:?}") };
        assert_eq!((leaf.slot.va.as_u64(), *region), (va, expected_region));
    }
}

#[test]
fn an_allowed_range_is_no_finding() {
    let mut domain = sound();
    domain.map(0x1000, domain.plain, NX | RW);
    let at = VirtAddr::new_truncate;
    let wide = ExpectedTables { allowed: vec![at(0x1000)..at(0x2000)], ..expected() };
    let report = report_with(&domain, &domain_kernel(), &wide, None);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.summary.regions[&WalkedRegion::Allowed], 1);
}

/// A page the payload has mapped is no finding, if it is the guest's own and is not writable and executable.
#[test]
fn the_payloads_pages_are_its_own_and_not_writable_and_executable() {
    for flags in [NX, NX | RW, 0] {
        let mut domain = sound();
        domain.map(PAYLOAD, domain.plain, flags);
        let report = report(&domain);
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.summary.regions[&WalkedRegion::Payload], 1);
    }
    let found = broken("write-execute", |domain| domain.map(PAYLOAD, domain.plain, RW));
    assert!(matches!(&found[..], [Finding::WriteExecute { .. }]));
    let found = broken("foreign-frame", |domain| {
        domain.map(PAYLOAD, domain.plain, NX);
        *domain.entry(PAYLOAD, 1) = FOREIGN << 12 | NX | P;
    });
    assert!(matches!(&found[..], [Finding::ForeignFrame { region: WalkedRegion::Payload, .. }]));
    let found = broken("unexpected", |domain| domain.map(PAYLOAD + (1 << 39), domain.plain, NX));
    assert!(matches!(&found[..], [Finding::Unexpected { region: WalkedRegion::Elsewhere, .. }]));
}

#[test]
fn a_foreign_frame_outside_the_fixmap_is_found() {
    let found = broken("foreign-frame", |domain| {
        *domain.entry(MODULES + 4096, 1) = FOREIGN << 12 | NX | RW | P;
    });
    assert!(matches!(&found[..], [Finding::ForeignFrame { region: WalkedRegion::Modules, .. }]));
}
