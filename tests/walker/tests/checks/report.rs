//! The report, and what `xen-mfndump` lists beside it.

use core_walk::{DumpedType, Finding, Level, WalkedRegion};

use crate::domain::{FIXMAP, LOW_PAGES, MAX_PFN, direct, domain_kernel};
use crate::{expected, only, report, report_with, sound};

#[test]
fn a_sound_domain_passes() {
    let domain = sound();
    let report = report(&domain);
    assert!(report.is_clean(), "{report}");
    let summary = &report.summary;
    assert_eq!(summary.pages, LOW_PAGES + 8);
    assert_eq!(summary.max_pfn, MAX_PFN);
    assert_eq!(summary.tables.iter().sum::<u64>(), domain.tables.len() as u64);
    assert_eq!(summary.tables[3], 1);
    assert_eq!(summary.regions[&WalkedRegion::DirectMap], LOW_PAGES + 8);
    assert_eq!(summary.regions[&WalkedRegion::Image], 6);
    assert_eq!(summary.regions[&WalkedRegion::Modules], 2);
    assert_eq!(summary.regions[&WalkedRegion::P2mList], 9);
    assert_eq!(summary.mappings, LOW_PAGES + 8 + 6 + 2 + 9 + 1);
    assert_eq!((summary.executable, summary.guards, summary.writable_aliases), (3, 1, 0));
    assert_eq!((summary.foreign, summary.foreign_leaves.len()), (1, 1));
    assert_eq!(summary.foreign_leaves[0].slot.va.as_u64(), FIXMAP + 4096);
    assert_eq!(summary.mfndump_lines, MAX_PFN);
}

#[test]
fn a_listing_that_disagrees_is_found() {
    let domain = sound();
    let against = |listing: String| report_with(&domain, &domain_kernel(), &expected(), Some(&listing));
    let listing = domain.listing();
    let size = format!("size: = {MAX_PFN}");
    only(&against(listing.replace(&size, "size: = 4096")), "mfndump-size");
    let last_line = format!("  pfn={:#x} ==> mfn=0xffffffffffffffff (type 0xf) invalid\n", MAX_PFN - 1);
    only(&against(listing.replace(&last_line, "")), "mfndump-size");
    let mfn = format!("pfn=0x5 ==> mfn={:#x} ", domain.mfn(5));
    only(&against(listing.replace(&mfn, "pfn=0x5 ==> mfn=0x1 ")), "mfndump-entry");
    only(&against(listing.replace(&mfn, "pfn=0x5 ==> mfn=0xffffffffffffffff ")), "mfndump-entry");

    // A page Xen does not give the domain, a boot table never given back, and a table Xen does not know.
    for (kind, expected) in
        [("0xf) invalid", DumpedType::NotUsable(15)), ("0x9) pinned L1", DumpedType::Table(Level::L1))]
    {
        let changed = listing.replace(&format!("{mfn}(type 0x0)"), &format!("{mfn}(type {kind}"));
        let found = only(&against(changed), "mfndump-type");
        let [Finding::MfndumpType { pfn, found, walked: None, .. }] = &found[..] else { panic!() };
        assert_eq!((pfn.get(), *found), (5, expected));
    }
    only(&against(listing.replace("(type 0xc) pinned L4", "(type 0x0)")), "mfndump-type");
}

#[test]
fn findings_beyond_the_first_of_a_kind_are_only_counted() {
    let mut domain = sound();
    for pfn in LOW_PAGES - 100..LOW_PAGES {
        *domain.entry(direct(pfn), 1) = 0;
    }
    let report = report(&domain);
    assert_eq!(report.counts["direct-map-missing"], 100);
    assert_eq!(report.findings.len(), 64);
    let text = report.to_string();
    assert!(text.contains("direct-map-missing: 36 more\n100 findings"), "{text}");
    assert!(report.findings.iter().all(|finding| !finding.to_string().contains('\n')));
}
