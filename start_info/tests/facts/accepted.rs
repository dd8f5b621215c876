//! The parser finds what a builder made.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_assume, prop_oneof, proptest};
use start_info::{BootFacts, Console, Maddr, P2mPlace, PfnRange};

use crate::fixture::{Built, Fixture, Run, at};

fn run(pfns: PfnRange) -> Run {
    (pfns.start().get(), pfns.len().get())
}

/// Everything the builder knows, as the parser should report it.
pub(crate) fn check(fixture: &Fixture, built: &Built, facts: &BootFacts) {
    assert_eq!(facts.nr_pages().get(), built.nr_pages);
    assert_eq!(facts.is_dom0(), fixture.dom0);
    assert_eq!(run(facts.low_memory()), (0, built.image.0));
    assert_eq!(run(facts.image()), built.image);
    assert_eq!(facts.ramdisk().map(|ramdisk| run(ramdisk.pfns)), built.ramdisk);
    if let Some(ramdisk) = facts.ramdisk() {
        let rounded = fixture.unmapped_ramdisk && !fixture.dom0 && !fixture.grub;
        assert_eq!(ramdisk.mapped, !fixture.unmapped_ramdisk);
        assert_eq!(
            ramdisk.len,
            if rounded { fixture.ramdisk.next_multiple_of(4096) } else { fixture.ramdisk }
        );
    }
    match facts.p2m_list().place {
        P2mPlace::Image(pfns) => {
            assert_eq!(run(pfns), built.list);
            assert_eq!(facts.p2m_list().at, at(built.list.0));
        }
        P2mPlace::Own(pfns) => {
            assert_eq!(run(pfns), built.list);
            assert_eq!(Some(facts.p2m_list().at.as_u64()), fixture.init_p2m);
        }
    }
    assert_eq!(facts.start_info_pfn().get(), built.start_info);
    assert_eq!(facts.page_tables().root, at(built.tables.0));
    assert_eq!(run(facts.page_tables().pfns), built.tables);
    assert_eq!(facts.boot_stack().get(), built.stack);
    // Where the mapping ends is the builder's to choose, between these.
    assert_eq!(facts.least_boot_end().get(), built.stack + 1);
    assert!((built.stack + 1..=facts.most_boot_end().get()).contains(&built.end));
    assert_eq!(facts.command_line().as_str(), fixture.command_line);
}

#[test]
fn the_source_document_s_numbers_come_out() {
    let facts = Fixture::source_document().build().unwrap().parse().unwrap();
    assert_eq!(run(facts.low_memory()), (0, 0x1000));
    assert_eq!(run(facts.image()), (0x1000, 0xe43));
    assert_eq!(run(facts.ramdisk().unwrap().pfns), (0x1e43, 0x10784));
    assert_eq!(facts.p2m_list().at.as_u64(), 0xffff_ffff_925c_7000);
    assert!(matches!(facts.p2m_list().place, P2mPlace::Image(list) if run(list) == (0x125c7, 0x10000)));
    assert_eq!(facts.start_info_pfn().get(), 0x225c7);
    assert_eq!(facts.page_tables().root.as_u64(), 0xffff_ffff_a25c_a000);
    assert_eq!(run(facts.page_tables().pfns), (0x225ca, 0x117));
    assert_eq!(facts.boot_stack().get(), 0x226e1);
    assert_eq!((facts.least_boot_end().get(), facts.most_boot_end().get()), (0x226e2, 128 << 18));
}

#[test]
fn each_kind_of_domain_is_understood() {
    for fixture in Fixture::all() {
        let built = fixture.build().unwrap();
        check(&fixture, &built, &built.parse().unwrap());
    }
}

#[test]
fn a_dom_u_has_two_rings() {
    let facts = Fixture::dom_u().build().unwrap().parse().unwrap();
    let Console::Ring(console) = facts.console() else { panic!("{facts:?}") };
    let xenstore = facts.xenstore().unwrap();
    assert_eq!((xenstore.mfn.get(), xenstore.port), (0x56_789a, 1));
    assert_eq!((console.mfn.get(), console.port), (0x56_789b, 2));
    assert_eq!(facts.shared_info(), Maddr::try_new(0x7_1234_5000).unwrap());
    assert_eq!((facts.is_dom0(), facts.processor_management()), (false, 0));
}

#[test]
fn dom0_has_a_screen_at_most() {
    let mut built = Fixture::dom0().build().unwrap();
    let facts = built.parse().unwrap();
    let Console::Hypervisor { vga: Some(vga) } = facts.console() else { panic!("{facts:?}") };
    assert_eq!((vga.offset, vga.size), (0x490, 0x28));
    assert_eq!(facts.xenstore(), None);
    assert_eq!(facts.processor_management(), 3);

    // The last bytes of the page are still in it.
    built.int(0x048, 0xfd8);
    assert!(matches!(built.parse().unwrap().console(), Console::Hypervisor { vga: Some(_) }));
    built.long(0x048, 0);
    assert_eq!(built.parse().unwrap().console(), Console::Hypervisor { vga: None });
}

#[test]
fn a_length_of_zero_is_no_ramdisk_whatever_else_is_set() {
    for fixture in [Fixture::dom_u(), Fixture::dom_u_pfn()] {
        let mut built = fixture.build().unwrap();
        built.long(0x070, u64::MAX);
        built.long(0x078, 0);
        assert_eq!(built.parse().unwrap().ramdisk(), None);
    }
}

#[test]
fn memory_may_end_where_the_mapping_ends() {
    for dom0 in [false, true] {
        let fixture = Fixture { dom0, nr_pages: 0x400, image: (0x100, 0x80), ramdisk: 0, ..Fixture::dom_u() };
        let built = fixture.build().unwrap();
        assert_eq!(built.end, built.nr_pages);
        check(&fixture, &built, &built.parse().unwrap());
    }
}

/// With 1 GiB mappings in a table that the boot mapping already has, a list needs no table of its own.
#[test]
fn a_list_may_take_no_more_than_its_own_pages() {
    let mut built = Fixture::dom0_init_p2m().build().unwrap();
    built.long(0x488, (built.nr_pages * 8).div_ceil(4096));
    assert!(built.parse().is_ok());
}

/// The page alone cannot tell apart numbers whose lists have equally many pages.
#[test]
fn a_number_of_pages_is_known_to_a_page_of_the_list() {
    for nr_pages in [0x4201, 0x4400] {
        let mut built = Fixture::dom_u().build().unwrap();
        built.long(0x020, nr_pages);
        assert_eq!(built.parse().unwrap().nr_pages().get(), nr_pages);
    }
}

#[test]
fn a_list_may_touch_what_it_may_not_cover() {
    for (address, pages) in [
        // Just below the hypervisor hole there is no canonical address, so the only neighbour is above.
        (0xffff_8800_0000_0000, 34),
        // Up to the first byte of the boot mapping; from the first byte after it.
        (0xffff_ffff_8000_0000 - 34 * 4096, 34),
        (0xffff_ffff_8040_0000, 34),
    ] {
        let fixture = Fixture { init_p2m: Some(address), ..Fixture::dom_u_init_p2m() };
        let built = fixture.build().unwrap();
        assert_eq!((built.nr_pages * 8).div_ceil(4096), pages);
        assert_eq!(built.end, 0x400);
        check(&fixture, &built, &built.parse().unwrap());
    }
}

fn fixtures() -> impl Strategy<Value = Fixture> {
    let image = (0_u64..0x2000, 1_u64..0x1000);
    let notes = (any::<bool>(), any::<bool>());
    let builder = prop_oneof![Just((false, false)), Just((true, false)), Just((false, true))];
    (builder, 1_u64..0x200_0000, image, 0_u64..0x400_0000, notes).prop_map(
        |((dom0, grub), nr_pages, image, ramdisk, (unmapped_ramdisk, init_p2m))| Fixture {
            dom0,
            grub,
            nr_pages,
            image,
            ramdisk,
            unmapped_ramdisk,
            init_p2m: init_p2m.then_some(0x80_0000_0000),
            command_line: "",
        },
    )
}

proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 4096, max_global_rejects: 100_000, ..Default::default() })]

    /// Among them every remainder of `nr_pages` by 512, and mappings that end on either side of a 4 MiB step.
    #[test]
    fn any_domain_a_builder_makes_is_understood(fixture in fixtures()) {
        let built = fixture.build();
        prop_assume!(built.is_some());
        let built = built.unwrap();
        check(&fixture, &built, &built.parse().unwrap());
    }

    /// A guest with one page fewer than the boot stack takes is refused.
    #[test]
    fn memory_below_the_boot_stack_is_refused(fixture in fixtures()) {
        let built = fixture.build();
        prop_assume!(built.is_some());
        let mut built = built.unwrap();
        built.long(0x020, built.stack);
        let found = built.tables.1;
        let expected = match found {
            4 => start_info::StartInfoError::FewPages {
                nr_pages: start_info::PageCount::new(built.stack),
                needed: built.stack + 1,
            },
            _ => start_info::StartInfoError::PageTableCount {
                found,
                least: 3 + (built.stack - 1).div_ceil(512) + (built.stack - 1).div_ceil(1 << 18) - 1,
                most: found - 1,
            },
        };
        prop_assert_eq!(built.parse().unwrap_err(), expected);
    }
}

/// Moves the tables page by page across a 4 MiB step, laid out each time as the three builders do.
#[test]
fn every_distance_from_a_4_mib_step_is_laid_out_alike() {
    for (dom0, grub) in [(false, false), (true, false), (false, true)] {
        for pages in 1..3 * 1024 {
            let fixture =
                Fixture { dom0, grub, nr_pages: 0x1_0000, image: (0x200, pages), ..Fixture::dom_u() };
            let built = fixture.build().unwrap();
            check(&fixture, &built, &built.parse().unwrap());
        }
    }
}
