//! Page tables: who may write them, and what their entries lead to.

use core_walk::{Finding, Level};

use crate::domain::{FOREIGN, MODULES, NX, PSE, RW, direct, put};
use crate::{broken, only, report, sound};

#[test]
fn a_writable_table_is_found_at_every_level() {
    let levels: std::collections::BTreeSet<_> = sound().tables.values().copied().collect();
    assert_eq!(levels.len(), 4);
    for wanted in levels {
        let mut at = 0;
        let found = broken("writable-table", |domain| {
            at = *domain.tables.iter().find(|(_, level)| **level == wanted).unwrap().0;
            *domain.entry(direct(at), 1) |= RW;
        });
        let [Finding::WritableTable { leaf, table }] = &found[..] else { panic!("{found:?}") };
        assert_eq!(u64::from(table.number()), wanted);
        assert_eq!(leaf.pfn.unwrap().get(), at);
        assert_eq!(leaf.slot.va.as_u64(), direct(at));
    }
}

#[test]
fn a_writable_table_entry_counts_even_under_a_read_only_level() {
    // The L2 entry forbids writing, but Xen counts the L1 entry.
    let found = broken("writable-table", |domain| {
        let root = domain.root;
        domain.map(MODULES + 0x1000, root, NX | RW);
        *domain.entry(MODULES, 2) &= !RW;
    });
    let [Finding::WritableTable { leaf, .. }] = &found[..] else { panic!("{found:?}") };
    assert!(!leaf.writable);
}

#[test]
fn a_writable_user_table_is_found() {
    let mut domain = sound();
    // A root that the direct map still maps writable, like any plain page.
    let user_root = domain.take();
    let user_mfn = domain.mfn(user_root);
    put(&mut domain.context, 0x1378 + 8, user_mfn << 12);
    domain.tables.insert(user_root, 4);
    let found = only(&report(&domain), "writable-table");
    assert_eq!(found.len(), 1);
    domain.seal();
    assert!(report(&domain).is_clean());
}

#[test]
fn the_tables_of_every_vcpu_are_walked() {
    let mut domain = sound();
    let root = domain.root;
    let second_root = domain.take();
    *domain.page(second_root) = domain.page(root).clone();
    domain.tables.insert(second_root, 4);
    domain.seal();
    let (own, mut context) = (domain.mfn(second_root) << 12, domain.context.clone());
    domain.page(second_root)[258] = own | 0x63;
    put(&mut context, 0x1378 + 24, own);
    domain.context.extend(context);
    let both = report(&domain);
    assert!(both.is_clean(), "{both}");
    assert_eq!((both.summary.roots, both.summary.tables[3]), (2, 2));

    let pte = domain.pte(domain.plain, NX | RW);
    *domain.entry_under(second_root, 0x1000, 1) = pte;
    domain.seal();
    assert_eq!(only(&report(&domain), "unexpected").len(), 1);
}

#[test]
fn a_writable_descriptor_table_is_found() {
    let found = broken("writable-gdt", |domain| *domain.entry(direct(domain.gdt), 1) |= RW);
    assert_eq!(found.len(), 1);
}

#[test]
fn foreign_tables_large_pages_and_recursion_are_found() {
    let va = 0xffff_9600_0000_0000;
    for level in 2..=4 {
        let found = broken("foreign-table", |domain| {
            *domain.entry(va, level) = FOREIGN << 12 | 0x67;
            domain.seal();
        });
        let [Finding::ForeignTable { slot, .. }] = &found[..] else { panic!("{found:?}") };
        assert_eq!((u64::from(slot.level.number()), slot.va.as_u64()), (level, va));

        let found = broken("large-page", |domain| {
            let pte = domain.pte(domain.plain, PSE | NX);
            *domain.entry(va, level) = pte;
            domain.seal();
        });
        assert_eq!(found.len(), 1);
    }
    let found = broken("two-levels", |domain| {
        *domain.entry(va, 4) = domain.mfn(domain.root) << 12 | 0x65;
    });
    let [Finding::TwoLevels { levels, .. }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(*levels, [Level::L4, Level::L3]);
}

#[test]
fn a_guest_entry_in_xens_slots_is_found() {
    for slot in [256, 257, 258, 271] {
        let found = broken("entry-in-hole", |domain| {
            let pte = domain.pte(domain.plain, 0);
            let root = domain.root;
            domain.page(root)[slot] = pte;
        });
        assert!(matches!(&found[..], [Finding::EntryInHole { .. }]));
    }
}

#[test]
fn an_absent_entry_that_is_not_zero_is_found_at_every_level() {
    let places = [MODULES + 0x3000, MODULES + 0x60_0000, 0xffff_ffff_4000_0000, 0xffff_9600_0000_0000];
    for (level, va) in (1..).zip(places) {
        for raw in [RW, 0x1234 << 12, NX] {
            let found = broken("absent-not-zero", |domain| *domain.entry(va, level) = raw);
            let [Finding::AbsentNotZero { slot, .. }] = &found[..] else { panic!("{found:?}") };
            assert_eq!((u64::from(slot.level.number()), slot.entry.raw()), (level, raw));
            assert_eq!(slot.va.as_u64(), va);
        }
    }
}
