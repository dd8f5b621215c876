//! The published lists of frames.

use core_walk::{ExpectedTables, Finding};
use x86_64::VirtAddr;

use crate::domain::{
    Domain, FOREIGN, LIST, LOW_PAGES, ListRoot, MAX_PFN, NX, PFN_END, Plan, RW, domain_kernel, put,
};
use crate::{broken, expected, only, report, report_with, sound};

#[test]
fn a_list_with_tables_of_its_own_passes() {
    let domain = Domain::new(Plan { list_root: ListRoot::Separate, ..Plan::default() });
    let report = report(&domain);
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.summary.tables[3], 1);
}

#[test]
fn two_numbers_for_a_frame_are_found() {
    let plan = Plan { twins: Some((LOW_PAGES - 1, LOW_PAGES - 2)), ..Plan::default() };
    let found = only(&report(&Domain::new(plan)), "duplicate-frame");
    assert_eq!(found.len(), 1);
}

#[test]
fn pages_missing_from_the_p2m_are_found() {
    let found = broken("unlisted-pages", |domain| domain.padding = 3);
    assert_eq!(found, [Finding::UnlistedPages { pages: 3 }]);
}

/// The list's pages are still mapped if the published number of entries is wrong.
fn expected_with_list() -> ExpectedTables {
    let at = VirtAddr::new_truncate;
    ExpectedTables { allowed: vec![at(LIST)..at(LIST + 9 * 4096)], ..expected() }
}

#[test]
fn wrong_published_numbers_are_found() {
    for max_pfn in [0, PFN_END - 1, u64::MAX] {
        let mut domain = sound();
        put(&mut domain.shared_info, 0xc10, max_pfn);
        let report = report_with(&domain, &domain_kernel(), &expected_with_list(), None);
        only(&report, "max-pfn");
    }
    let odd = broken("generation", |domain| put(&mut domain.shared_info, 0xc38, 3));
    assert_eq!(odd, [Finding::Generation { found: 3 }]);
    for list in [LIST + (2 << 20), 0x7010_0000] {
        let domain = Domain::new(Plan { list, ..Plan::default() });
        only(&report(&domain), "list-address");
    }
}

#[test]
fn a_list_published_where_nothing_may_be_is_no_excuse() {
    let domain = Domain::new(Plan { list: 0xffff_ffff_8000_0000, ..Plan::default() });
    let report = report(&domain);
    assert_eq!(report.counts["unexpected"], 9, "{report}");
}

#[test]
fn list_pages_that_are_not_the_guests_are_found() {
    for top in [0, FOREIGN, u64::MAX] {
        let found = broken("list-page", |domain| put(&mut domain.shared_info, 0xc18, top));
        assert_eq!(found.len(), 1);
    }
    broken("list-page", |domain| domain.page(domain.list_top)[0] = FOREIGN);
    broken("list-page", |domain| domain.page(domain.list_mid)[8] = FOREIGN);
    broken("list-page", |domain| domain.page(domain.list_mid)[3] = 0);

    let separate = Plan { list_root: ListRoot::Separate, ..Plan::default() };
    for cr3 in [0, FOREIGN << 12, u64::MAX] {
        let mut domain = Domain::new(separate);
        put(&mut domain.shared_info, 0xc28, cr3);
        let report = report_with(&domain, &domain_kernel(), &expected(), None);
        only(&report, "list-page");
    }
    let mut domain = Domain::new(separate);
    *domain.entry_under(domain.list_root, LIST + 4096, 1) = FOREIGN << 12 | 0x67;
    only(&report(&domain), "list-page");
}

#[test]
fn a_list_that_was_left_has_the_linear_form_alone_and_undefined_words_at_its_end() {
    let expected = ExpectedTables { own_list: false, ..expected() };
    let report = |change: fn(&mut Domain)| {
        let mut domain = sound();
        change(&mut domain);
        report_with(&domain, &domain_kernel(), &expected, Some(&domain.listing()))
    };
    // A missing frame list must not look like one.
    only(&report(|_| {}), "list-page");
    let left = |domain: &mut Domain| put(&mut domain.shared_info, 0xc18, u64::MAX);
    assert!(report(left).is_clean());
    let tail = MAX_PFN as usize % 512;
    assert!(tail > 0);
    let undefined: fn(&mut Domain) = |domain| {
        put(&mut domain.shared_info, 0xc18, u64::MAX);
        let leaf = domain.list_leaves[8];
        domain.page(leaf)[MAX_PFN as usize % 512..].fill(0);
    };
    assert!(report(undefined).is_clean());
    let wrong: fn(&mut Domain) = |domain| {
        put(&mut domain.shared_info, 0xc18, u64::MAX);
        let leaf = domain.list_leaves[0];
        domain.page(leaf)[7] ^= 1;
    };
    only(&report(wrong), "list-entry");
}

#[test]
fn an_unmapped_list_page_is_found() {
    let found = broken("list-unmapped", |domain| *domain.entry(LIST + 8 * 4096, 1) = 0);
    let [Finding::ListUnmapped { va, pfn }] = &found[..] else { panic!("{found:?}") };
    assert_eq!((va.as_u64(), pfn.get()), (LIST + 8 * 4096, 8 * 512));
}

#[test]
fn wrong_list_entries_are_found_in_each_form() {
    // The leaves are shared, so both forms show a change in one.
    let both = broken("list-entry", |domain| {
        let leaf = domain.list_leaves[0];
        domain.page(leaf)[7] ^= 1;
    });
    assert_eq!(both.len(), 2);
    let hole = broken("list-entry", |domain| {
        let leaf = domain.list_leaves[8];
        domain.page(leaf)[(MAX_PFN - 1) as usize % 512] = 0;
    });
    assert!(matches!(&hole[..], [Finding::ListEntry { expected: None, found: 0, .. }, _]));
    let tail = broken("list-tail", |domain| {
        let leaf = domain.list_leaves[8];
        domain.page(leaf)[511] = 0;
    });
    assert_eq!(tail.len(), 2);

    // A stale copy of a leaf in one form only.
    let copy = |domain: &mut Domain| {
        let (leaf, new) = (domain.list_leaves[0], domain.take());
        *domain.page(new) = domain.page(leaf).clone();
        domain.page(new)[9] = u64::MAX;
        new
    };
    let tree = broken("list-entry", |domain| {
        let new = copy(domain);
        let mfn = domain.mfn(new);
        domain.page(domain.list_mid)[0] = mfn;
    });
    assert_eq!(tree.len(), 1);
    assert!(tree[0].to_string().starts_with("list-entry: three-level list has 0xffff"));
    let linear = broken("list-entry", |domain| {
        let new = copy(domain);
        let pte = domain.pte(new, NX | RW);
        *domain.entry(LIST, 1) = pte;
    });
    assert_eq!(linear.len(), 1);
    assert!(linear[0].to_string().starts_with("list-entry: linear list"));
}
