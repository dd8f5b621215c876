//! Page numbers with identity entries, for the machine's frames.

use core_walk::Finding;

use crate::domain::{DEVICES, Domain, IDENTITY, LIST, NX, P, Plan, RW, direct, domain_kernel};
use crate::{broken, expected, only, report, report_with, sound};

fn with_devices() -> Domain {
    Domain::new(Plan { identity: 9, ..Plan::default() })
}

#[test]
fn numbers_that_stand_for_the_machines_frames_are_no_finding() {
    let report = report(&with_devices());
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.summary.identity, 9);
    assert_eq!(self::report(&sound()).summary.identity, 0);
}

#[test]
fn a_mark_that_not_all_see_is_found() {
    // The forms share the leaves: the form that must differ gets a changed copy.
    let copy = |domain: &mut Domain, number: u64, word: u64| {
        let leaf = number / 512;
        let new = domain.take();
        *domain.page(new) = domain.page(domain.list_leaves[leaf as usize]).clone();
        domain.page(new)[(number % 512) as usize] = word;
        (leaf, new)
    };
    for (number, word) in [(DEVICES, u64::MAX), (DEVICES + 9, IDENTITY), (DEVICES, IDENTITY | DEVICES)] {
        let mut domain = with_devices();
        let (leaf, new) = copy(&mut domain, number, word);
        let mfn = domain.mfn(new);
        domain.page(domain.list_mid)[leaf as usize] = mfn;
        let found = only(&report(&domain), "list-entry");
        assert!(matches!(&found[..], [Finding::ListEntry { found, expected: None, .. }] if *found == word));
    }
    let mut domain = with_devices();
    let (leaf, new) = copy(&mut domain, DEVICES + 3, u64::MAX);
    let pte = domain.pte(new, NX | RW);
    *domain.entry(LIST + leaf * 4096, 1) = pte;
    // The form that the tools read has no mark there, so the tree and the listing have one too many.
    let report = report(&domain);
    assert_eq!(report.counts.keys().copied().collect::<Vec<_>>(), ["list-entry", "mfndump-entry"]);
    assert_eq!((report.findings.len(), report.summary.identity), (2, 8));
    // Memory must not be marked.
    let marked = broken("list-entry", |domain| {
        let leaf = domain.list_leaves[0];
        domain.page(leaf)[7] = IDENTITY;
    });
    assert_eq!(marked.len(), 2);
}

#[test]
fn a_listing_without_the_marks_is_found() {
    let domain = with_devices();
    let line = |word: u64| format!("pfn={:#x} ==> mfn={word:#x} ", DEVICES + 1);
    let listing = domain.listing().replace(&line(IDENTITY), &line(u64::MAX));
    let report = report_with(&domain, &domain_kernel(), &expected(), Some(&listing));
    assert_eq!(only(&report, "mfndump-entry").len(), 1);
}

#[test]
fn a_mapping_where_a_device_is_is_found_in_the_direct_map() {
    let mut domain = with_devices();
    *domain.entry(direct(DEVICES), 1) = DEVICES << 12 | NX | P;
    domain.seal();
    let report = report(&domain);
    assert_eq!(
        report.counts.keys().copied().collect::<Vec<_>>(),
        ["direct-map-wrong", "foreign-frame"],
        "{report}"
    );
}
