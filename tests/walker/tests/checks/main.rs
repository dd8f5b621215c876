//! A sound domain passes; a domain with one thing changed fails with that finding and no other.

#[cfg(test)]
mod domain;

#[cfg(test)]
mod checks {
    use core_walk::{
        Access, Aliases, CoreFile, Error, Expected, Finding, Kernel, Level, MfnDump, PageType, Region,
        Report, examine,
    };
    use kit::elf::{Segment, kernel};
    use x86_64::VirtAddr;

    use crate::domain::{
        DATA, DEVICES, DIRECT_MAP, Domain, FIXMAP, FOREIGN, GUARD, IDENTITY, IMAGE, IMAGE_END, IMAGE_PFN,
        LIST, LOW_PAGES, ListRoot, MAX_PFN, MODULE_END, MODULES, NX, P, PFN_END, PSE, Plan, RODATA, RW,
        TempFile, direct, domain_kernel, put, segments, symbol,
    };

    fn expected() -> Expected {
        let at = VirtAddr::new_truncate;
        // One byte short of the page's end each: both are rounded up.
        Expected::new(at(IMAGE_END - 1), at(MODULE_END - 1))
    }

    fn report_with(domain: &Domain, kernel: &[u8], expected: &Expected, listing: Option<&str>) -> Report {
        let file = TempFile::new(&domain.core());
        let core = CoreFile::open(&file.0).unwrap();
        let kernel = Kernel::parse(kernel).unwrap();
        let listing = listing.map(|text| MfnDump::parse(text).unwrap());
        examine(&core, &kernel, expected, listing.as_ref()).unwrap()
    }

    fn report(domain: &Domain) -> Report {
        report_with(domain, &domain_kernel(), &expected(), Some(&domain.listing()))
    }

    /// Asserts that all findings are of one kind and returns them.
    fn only(report: &Report, name: &str) -> Vec<Finding> {
        assert_eq!(report.counts.keys().copied().collect::<Vec<_>>(), [name], "{report}");
        report.findings.clone()
    }

    fn sound() -> Domain {
        Domain::new(Plan::default())
    }

    /// Changes a sound domain and returns its findings, all of the kind `name`.
    fn broken(name: &str, change: impl FnOnce(&mut Domain)) -> Vec<Finding> {
        let mut domain = sound();
        change(&mut domain);
        only(&report(&domain), name)
    }

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
        assert_eq!(summary.regions[&Region::DirectMap], LOW_PAGES + 8);
        assert_eq!(summary.regions[&Region::Image], 6);
        assert_eq!(summary.regions[&Region::Modules], 2);
        assert_eq!(summary.regions[&Region::P2mList], 9);
        assert_eq!(summary.mappings, LOW_PAGES + 8 + 6 + 2 + 9 + 1);
        assert_eq!((summary.executable, summary.guards, summary.writable_aliases), (3, 1, 0));
        assert_eq!((summary.foreign, summary.foreign_leaves.len()), (1, 1));
        assert_eq!(summary.foreign_leaves[0].slot.va.as_u64(), FIXMAP + 4096);
        assert_eq!(summary.mfndump_lines, MAX_PFN);
    }

    #[test]
    fn a_list_with_tables_of_its_own_passes() {
        let domain = Domain::new(Plan { list_root: ListRoot::Separate, ..Plan::default() });
        let report = report(&domain);
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.summary.tables[3], 1);
    }

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
        // A list page of its own L1: the L2 entry forbids writing, the L1 entry is what Xen counts.
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
        // Mapped writable in the direct map like any plain page, and a root all the same.
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
        assert!(matches!(&direct_map[..], [Finding::Executable { region: Region::DirectMap, .. }]));
        let list = broken("executable", |domain| *domain.entry(LIST, 1) &= !(NX | RW));
        assert!(matches!(&list[..], [Finding::Executable { region: Region::P2mList, .. }]));
        let fixmap = broken("executable", |domain| *domain.entry(FIXMAP + 4096, 1) &= !(NX | RW));
        assert!(matches!(&fixmap[..], [Finding::Executable { region: Region::Fixmap, .. }]));
    }

    #[test]
    fn a_writable_alias_of_code_is_counted_or_refused() {
        let mut domain = sound();
        *domain.entry(direct(IMAGE_PFN + 1), 1) |= RW;
        let counted = report(&domain);
        assert!(counted.is_clean(), "{counted}");
        assert_eq!(counted.summary.writable_aliases, 1);

        let strict = Expected { aliases: Aliases::Refuse, ..expected() };
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
    fn a_missing_image_page_is_found_unless_it_is_a_guard() {
        let found = broken("image-missing", |domain| *domain.entry(IMAGE + DATA, 1) = 0);
        let [Finding::ImageMissing { va, access }] = &found[..] else { panic!("{found:?}") };
        assert_eq!((va.as_u64(), *access), (IMAGE + DATA, Access::ReadWrite));

        // Without the symbol the sound domain's guard is a missing page; a function's name excuses nothing.
        let with = |symbol| report_with(&sound(), &kernel(&segments(0x4000), &[symbol]), &expected(), None);
        let bare = with(symbol("lock_guard", IMAGE + GUARD, 64, 2));
        only(&bare, "image-missing");
        // A linker's symbol has no size.
        assert!(with(symbol("__stack_GUARD", IMAGE + GUARD, 0, 0)).is_clean());
        only(&with(symbol("__guard_end", IMAGE + GUARD, 0, 0)), "image-missing");
    }

    #[test]
    fn wrong_access_in_the_image_is_found() {
        let changes: [(u64, u64); 5] = [(0, NX), (RODATA, RW), (RODATA, NX), (DATA, RW), (DATA + 0x2000, RW)];
        for (offset, bits) in changes {
            let found = broken("image-access", |domain| *domain.entry(IMAGE + offset, 1) ^= bits);
            assert_eq!(found.len(), 1, "{offset:#x}");
        }
    }

    #[test]
    fn a_wrong_image_page_is_found() {
        let found = broken("image-wrong", |domain| {
            let pte = domain.pte(domain.plain, NX | RW);
            *domain.entry(IMAGE + DATA, 1) = pte;
        });
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn an_image_end_before_the_last_segment_is_found() {
        let mut domain = sound();
        *domain.entry(IMAGE_END - 4096, 1) = 0;
        let at = VirtAddr::new_truncate;
        let short = Expected::new(at(IMAGE_END - 4096), at(MODULE_END));
        only(&report_with(&domain, &domain_kernel(), &short, None), "image-end");
    }

    #[test]
    fn mappings_outside_the_regions_are_found() {
        let places = [
            (0, Region::PageZero),
            (0x1000, Region::Elsewhere),
            (direct(PFN_END), Region::BesideDirectMap),
            (DIRECT_MAP + (1 << 39) - 4096, Region::BesideDirectMap),
            (DIRECT_MAP + (1 << 39), Region::Elsewhere),
            (LIST + 9 * 4096, Region::Elsewhere),
            (0xffff_ffff_8000_0000, Region::BelowImage),
            (IMAGE - 4096, Region::BelowImage),
            (IMAGE_END, Region::BehindImage),
            (MODULES - 4096, Region::BehindImage),
            (MODULE_END, Region::BehindModules),
            (FIXMAP - 4096, Region::BehindModules),
            (FIXMAP + 0x20_0000, Region::Elsewhere),
            (0xffff_ffff_ffff_f000, Region::Elsewhere),
        ];
        for (va, expected_region) in places {
            let found = broken("unexpected", |domain| domain.map(va, domain.plain, NX | RW));
            let [Finding::Unexpected { leaf, region }] = &found[..] else { panic!("{found:?}") };
            assert_eq!((leaf.slot.va.as_u64(), *region), (va, expected_region));
        }
    }

    #[test]
    fn a_mapping_between_segments_is_found() {
        let mut domain = sound();
        domain.map(IMAGE_END, IMAGE_PFN + 7, NX | RW);
        let at = VirtAddr::new_truncate;
        let wide = Expected::new(at(IMAGE_END + 4096), at(MODULE_END));
        let report = report_with(&domain, &domain_kernel(), &wide, None);
        let found = only(&report, "unexpected");
        assert!(matches!(&found[..], [Finding::Unexpected { region: Region::Image, .. }]));
    }

    #[test]
    fn an_allowed_range_is_no_finding() {
        let mut domain = sound();
        domain.map(0x1000, domain.plain, NX | RW);
        let at = VirtAddr::new_truncate;
        let wide = Expected { allowed: vec![at(0x1000)..at(0x2000)], ..expected() };
        let report = report_with(&domain, &domain_kernel(), &wide, None);
        assert!(report.is_clean(), "{report}");
        assert_eq!(report.summary.regions[&Region::Allowed], 1);
    }

    #[test]
    fn a_foreign_frame_outside_the_fixmap_is_found() {
        let found = broken("foreign-frame", |domain| {
            *domain.entry(MODULES + 4096, 1) = FOREIGN << 12 | NX | RW | P;
        });
        assert!(matches!(&found[..], [Finding::ForeignFrame { region: Region::Modules, .. }]));
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

    /// The list's pages are where they are even if the published number of entries is wrong.
    fn expected_with_list() -> Expected {
        let at = VirtAddr::new_truncate;
        Expected { allowed: vec![at(LIST)..at(LIST + 9 * 4096)], ..expected() }
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
        let expected = Expected { own_list: false, ..expected() };
        let report = |change: fn(&mut Domain)| {
            let mut domain = sound();
            change(&mut domain);
            report_with(&domain, &domain_kernel(), &expected, Some(&domain.listing()))
        };
        // A frame list that there is not must not look like one.
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
        // The leaves are shared: a copy is changed in the form that is to differ.
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
            assert!(
                matches!(&found[..], [Finding::ListEntry { found, expected: None, .. }] if *found == word)
            );
        }
        let mut domain = with_devices();
        let (leaf, new) = copy(&mut domain, DEVICES + 3, u64::MAX);
        let pte = domain.pte(new, NX | RW);
        *domain.entry(LIST + leaf * 4096, 1) = pte;
        // What the tools read has no mark there: the tree and the listing have one too many.
        let report = report(&domain);
        assert_eq!(report.counts.keys().copied().collect::<Vec<_>>(), ["list-entry", "mfndump-entry"]);
        assert_eq!((report.findings.len(), report.summary.identity), (2, 8));
        // Memory is not marked.
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
            [("0xf) invalid", PageType::NotUsable(15)), ("0x9) pinned L1", PageType::Table(Level::L1))]
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

    fn open(core: &[u8]) -> Result<CoreFile, Error> {
        CoreFile::open(&TempFile::new(core).0)
    }

    /// Replaces the first place where `from` stands.
    fn patch(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
        let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
        let mut patched = bytes.to_vec();
        patched[at..at + to.len()].copy_from_slice(to);
        patched
    }

    #[test]
    fn files_that_are_no_core_of_a_pv_guest_are_refused() {
        let core = sound().core();
        assert!(open(&core).is_ok());
        assert!(matches!(open(b"no ELF"), Err(Error::Elf { .. })));
        assert!(matches!(open(&domain_kernel()), Err(Error::Header { field: "e_type", .. })));
        let pae = patch(&core, &[4, 0, 62, 0], &[4, 0, 3, 0]);
        assert!(matches!(open(&pae), Err(Error::Header { field: "e_machine", .. })));
        let hvm = patch(&core, &0xf00f_ebed_u64.to_le_bytes(), &0xf00f_ebee_u64.to_le_bytes());
        assert!(matches!(open(&hvm), Err(Error::Header { field: "xch_magic", .. })));
        let other_name = patch(&core, b".xen_p2m\0", b".xen_pfn\0");
        assert!(matches!(open(&other_name), Err(Error::NoSection { name: ".xen_p2m" })));
        let format =
            patch(&core, &[3, 0, 0, 2, b'X', b'e', b'n', 0, 1], &[3, 0, 0, 2, b'X', b'e', b'n', 0, 2]);
        assert!(matches!(open(&format), Err(Error::Header { field: "format version", .. })));
        let missing = CoreFile::open(std::path::Path::new("/nonexistent/core"));
        assert!(matches!(missing, Err(Error::Io { .. })));
    }

    #[test]
    fn cut_and_inconsistent_cores_are_refused_without_a_panic() {
        let domain = sound();
        let core = domain.core();
        let file_start = &core[..16 * 1024];
        for len in (0..file_start.len()).step_by(97) {
            assert!(open(&core[..len]).is_err(), "{len}");
        }
        assert!(open(&core[..core.len() - 2048]).is_err());

        let mut no_root = domain.clone();
        put(&mut no_root.context, 0x1378 + 24, FOREIGN << 12);
        let core = open(&no_root.core()).unwrap();
        let kernel = Kernel::parse(&domain_kernel()).unwrap();
        let refused = examine(&core, &kernel, &expected(), None);
        assert!(matches!(refused, Err(Error::RootNotDumped { .. })));
        let mut no_vcpu = domain.clone();
        no_vcpu.context.clear();
        assert!(matches!(open(&no_vcpu.core()), Err(Error::NoVcpu)));
        for cr3 in [0, 0x123, u64::MAX] {
            let mut domain = domain.clone();
            put(&mut domain.context, 0x1378 + 24, cr3);
            assert!(matches!(open(&domain.core()), Err(Error::Cr3 { vcpu: 0, .. })));
        }
    }

    #[test]
    fn kernels_without_clear_access_are_refused() {
        assert!(matches!(Kernel::parse(b""), Err(Error::Elf { .. })));
        assert!(matches!(Kernel::parse(&kernel(&[], &[])), Err(Error::NoSegment)));
        let segment = |start, len, flags| Segment { start, len, flags };
        let all = kernel(&[segment(IMAGE, 0x1000, 7)], &[]);
        assert!(matches!(Kernel::parse(&all), Err(Error::SegmentAccess { va: IMAGE })));
        let shared = kernel(&[segment(IMAGE, 0x1800, 5), segment(IMAGE + 0x1800, 0x800, 6)], &[]);
        assert!(matches!(Kernel::parse(&shared), Err(Error::SharedPage { .. })));
    }
}
