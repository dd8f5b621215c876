//! The image at an address that is chosen at boot.

use mmu::layout::{Bases, KERNEL_MAP, KernelMap, MODULES};
use mmu::{BuilderTables, Errno, MmuError, map_image_at};
use p2m::{Authority, List};
use start_info::BootFacts;
use start_info::{PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;
use xen_guest::{Cause, RandomWords, Source, choose_address};
use xen_model::{Built, GuestConfig, Loader, audit};

use crate::after::checked;
use crate::used::{fully_used, ramdisk};

fn start(built: &Built) -> u64 {
    built.image.map.address(built.image.text.start()).as_u64()
}

fn pages_mapped(built: &Built) -> usize {
    let guest = built.image.text.start().get()..built.image.data.end().get();
    let base = built.image.map.base().as_u64();
    guest.filter(|pfn| built.machine.live_leaf(base + pfn * 4096).is_ok()).count()
}

fn guests() -> [GuestConfig; 6] {
    let domu = GuestConfig::new(67 * 256 + 3).with_ramdisk(ramdisk());
    [
        domu.clone(),
        GuestConfig { image_start: 0x80, image_pages: 0x4e3, ..domu.clone() },
        domu.clone().with_notes(),
        domu.clone().with_notes().with_loader(Loader::Krata),
        domu.with_loader(Loader::Grub),
        GuestConfig::dom0(0x1_7a01).with_notes().with_ramdisk(ramdisk()),
    ]
}

#[test]
fn an_image_anywhere_uses_all_memory() {
    for word in [0, u64::MAX, 0x1234_5678_9abc_def0] {
        for guest in guests() {
            fully_used(guest.with_slide(word));
        }
    }
}

#[test]
fn the_image_is_mapped_with_its_protections_before_it_runs_and_its_guard_page_is_not() {
    for guest in guests() {
        let mut built = guest.build().unwrap();
        built.slide(u64::MAX - 12345);
        assert!(built.image.map.base() > KERNEL_MAP && start(&built) < MODULES.as_u64());
        let image = built.image;
        for (pages, executable, writable) in
            [(image.text, true, false), (image.constant, false, false), (image.data, false, true)]
        {
            for pfn in pages.iter().filter(|&pfn| pfn != image.guard) {
                let leaf = built.machine.live_leaf(image.map.address(pfn).as_u64()).unwrap();
                assert_eq!((leaf.executable, leaf.writable), (executable, writable), "{pfn}");
                assert_eq!(leaf.pte.mfn(), built.machine.built_mfn(pfn.get()).unwrap());
            }
        }
        assert!(built.machine.live_leaf(image.map.address(image.guard).as_u64()).is_err());
        assert_eq!(pages_mapped(&built) as u64, guest.image_pages - 1);
    }
}

/// The pages that the slide took for tables come back.
#[test]
fn a_slide_costs_no_memory() {
    for guest in guests() {
        let free = |guest: &GuestConfig| {
            let booted = guest.build().unwrap().boot().unwrap();
            let places = booted.places.clone();
            assert!(
                booted.machine().live_leaf(KERNEL_MAP.as_u64() + places.image.start * 4096).is_ok()
                    == guest.slide.is_none()
            );
            booted.running.free() + audit::tables(booted.machine()).count() as u64
        };
        assert_eq!(free(&guest.clone().with_slide(77)), free(&guest));
    }
}

/// What was asked of Xen before the boot is in its report.
#[test]
fn the_stage_has_the_hypercalls_of_the_slide() {
    for guest in guests() {
        let mut built = guest.build().unwrap();
        built.slide(1 << 63);
        let calls = built.machine.calls();
        let booted = built.boot().map_err(|(_, failure)| failure).unwrap();
        let records = booted.running.report().records();
        let stage = records.iter().find(|record| record.stage.to_string() == "kaslr").unwrap();
        assert!(calls > 0 && stage.hypercalls == calls, "{calls} calls, {stage:?}");
    }
}

/// A page that was to be an L1 table of the drawn image is a table of another level.
#[test]
fn a_table_of_another_level_among_the_drawn_images_is_refused() {
    for level in [2, 3] {
        let mut built = GuestConfig::new(0x4000).with_loader(Loader::Grub).build().unwrap();
        built.slide(1 << 63);
        let (tables, stray) = (built.places.tables.clone(), built.places.stack + 1);
        let above = match level {
            3 => built.machine.root().unwrap(),
            _ => built.machine.built_mfn(tables.end - 3).unwrap(),
        };
        let entry = built.machine.built_mfn(stray).unwrap().maddr().get() | 0x67;
        built.machine.poke(above, 100, entry);
        let (_, failure) = built.boot().unwrap_err();
        let tables = PfnRange::between(Pfn::new(tables.start), Pfn::new(tables.end));
        let expected = MmuError::BuilderTable { level, table: Pfn::new(stray), tables };
        assert_eq!(failure.cause(), &Cause::Mmu(expected));
    }
}

/// Slides, expects that the image stays, boots, and returns why it stayed.
fn stayed(mut built: Built) -> MmuError {
    built.slide(5);
    let error = *built.image.kaslr.stayed().unwrap();
    assert_eq!(built.image.map.base(), KERNEL_MAP);
    assert!(built.image.drawn.is_some());
    built.boot().map_err(|(_, failure)| failure).unwrap();
    error
}

#[test]
fn an_image_without_room_stays_and_boots() {
    let ramdisk = xen_model::Ramdisk::zeros(500 << 20);
    let full = GuestConfig::new(600 * 256).with_ramdisk(ramdisk);
    let large = GuestConfig { image_pages: 0x1_2000, ..GuestConfig::new(600 * 256) };
    for guest in [full, large] {
        let error = stayed(guest.build().unwrap());
        assert!(matches!(error, MmuError::ImageRoom { .. }), "{error}");
    }
}

/// A builder whose mapping ends with the boot stack leaves no page for a table.
#[test]
fn an_image_without_pages_for_tables_stays_and_boots() {
    let odd = |pages| GuestConfig { image_pages: pages, ..GuestConfig::new(0x4000) }.build().unwrap();
    let mut built = (100..700).map(odd).find(|built| built.places.stack % 512 == 511).unwrap();
    let (first, end) = (built.places.stack + 1, built.places.end);
    for pfn in first..end {
        let slot = crate::builder_end::slot(&built, pfn);
        built.machine.update_entries(&[(slot, 0)]).unwrap();
    }
    let left = PageCount::ZERO;
    assert_eq!(stayed(built), MmuError::SlideTables { wanted: PageCount::new(1), left });
}

/// The builder's list may have no memory for a page that it maps.
#[test]
fn a_page_without_memory_keeps_the_image_where_it_is() {
    let built = GuestConfig::new(0x4000).build().unwrap();
    let list = built.places.list.clone();
    // A page after the stack is one that the boot refuses.
    let (data, behind) = (built.image.data.start().get() + 1, built.places.stack + 1);
    for (pfn, stays) in [(data, Some(MmuError::NoMemory { pfn: Pfn::new(data) })), (behind, None)] {
        let mut built = built.clone();
        let at = built.machine.built_mfn(list.start + pfn / 512).unwrap();
        built.machine.poke(at, (pfn % 512) as usize, u64::MAX);
        built.slide(5);
        assert_eq!(built.image.kaslr.stayed(), stays.as_ref());
        assert_eq!((built.image.map.base(), built.machine.calls()), (KERNEL_MAP, 0));
        assert!(built.boot().is_err());
    }
}

#[test]
fn the_command_line_keeps_the_image_where_it_is() {
    let mut built = GuestConfig::new(0x4000).with_command_line("x kaslr=on kaslr=off").build().unwrap();
    built.slide(7);
    assert_eq!((built.image.map.base(), built.image.drawn, built.machine.calls()), (KERNEL_MAP, None, 0));
    assert!(built.image.kaslr.stayed().is_none());
}

/// Each request is refused once, and each list is cut. The image stays, one line says why, and nothing is lost.
#[test]
fn whatever_xen_refuses_the_image_stays_and_boots() {
    for guest in guests() {
        let free = guest.build().unwrap().boot().unwrap().running.free();
        let (mut call, mut refused) = (1, 0);
        loop {
            let mut done = 0;
            let was_last = loop {
                let mut built = guest.build().unwrap();
                let before = built.machine.calls();
                built.machine.cut_at(call, done, Errno::EINVAL);
                built.slide(0x7777_7777_7777_7777);
                let made = built.machine.calls() - before;
                built.machine.hinder_no_more();
                let Some(&error) = built.image.kaslr.stayed() else {
                    break made < call;
                };
                assert!(matches!(error, MmuError::Refused(_)), "{error}");
                assert_eq!(built.image.map.base(), KERNEL_MAP);
                let booted = checked(guest.clone(), built.boot().map_err(|(_, failure)| failure).unwrap());
                assert_eq!(booted.running.free(), free, "call {call} cut after {done}");
                (done, refused) = (done + 1, refused + 1);
            };
            if was_last {
                break;
            }
            call += 1;
        }
        assert!(refused >= 2, "{refused} refusals");
    }
}

/// What was chosen at boot is not in the picture: neither the addresses nor the order of them.
#[test]
fn the_picture_keeps_what_was_chosen_to_itself() {
    for (elsewhere, drawn) in [(true, None), (false, Some([1, 2, 3, 4])), (true, Some([9; 4]))] {
        let mut built = GuestConfig::new(64 * 256).build().unwrap();
        if elsewhere {
            built.slide(1 << 63);
        }
        built.image.drawn = drawn;
        let booted = built.boot().map_err(|(_, failure)| failure).unwrap();
        let running = &booted.running;
        let picture = running.picture().to_string();
        let lines: Vec<&str> = picture.lines().collect();
        let (last, rows) = lines.split_last().unwrap();
        let expected: Vec<String> = (running.regions().iter())
            .map(|region| {
                let (name, pages) = (region.name(), region.pages().get());
                match name {
                    "hypervisor hole" | "builder's P2M" | "module window" | "fixmap" => {
                        format!(
                            "  {:016x} .. {:016x}  {name:<16} {pages} pages",
                            region.start(),
                            region.last()
                        )
                    }
                    _ => format!("  ................ .. ................  {name:<16} {pages} pages"),
                }
            })
            .collect();
        assert_eq!(rows, expected);
        assert_eq!(rows.iter().filter(|row| row.contains("....")).count(), 5);
        assert!(
            last.starts_with("  modules end at 0xffffffffa0000000; 16384 of 16384 pages mapped, "),
            "{last}"
        );
    }
}

#[test]
fn the_other_regions_have_words_of_their_own_whether_the_image_moves_or_not() {
    let large = GuestConfig { image_pages: 0x1_2000, ..GuestConfig::new(600 * 256) };
    for (guest, moves) in [(GuestConfig::new(0x4000), true), (large, false)] {
        let mut built = guest.build().unwrap();
        let random = RandomWords { words: [11, 22, 33, 44, 55], source: Source::Rdrand };
        built.image = choose_address(&mut built.machine, &built.page, &built.entry, &built.image, |_| random);
        assert_eq!(built.image.drawn, Some([22, 33, 44, 55]));
        assert_eq!(built.image.map.base() != KERNEL_MAP, moves);
    }
}

#[test]
fn an_image_is_mapped_over_nothing_that_is_mapped() {
    let built = GuestConfig::new(0x4000).build().unwrap();
    let facts = BootFacts::parse(&built.page, &built.entry).unwrap();
    let list = List::from_facts(&facts);
    let image = built.places.image.clone();
    let window = (MODULES.as_u64() - KERNEL_MAP.as_u64()) / 4096;
    // The page before the first address there is, and the page after the last; one page, 2 MiB before and after the builder's.
    let wrong = [built.places.end - image.start - 1, window - image.end + 1, 1, 512, u64::MAX - 511, 1 << 40];
    for pages in wrong {
        let mut built = built.clone();
        let base = KERNEL_MAP.as_u64().wrapping_add(pages.wrapping_mul(4096));
        built.image.map = KernelMap::with_base(VirtAddr::new_truncate(base));
        let authority = Authority::take().unwrap();
        let builder = BuilderTables::adopt(authority, &built.machine, &list, &facts, &Bases::FIXED).unwrap();
        let mapped = built.image.mapped();
        let error = map_image_at(builder, &mut built.machine, &list, &facts, &mapped).unwrap_err().error;
        assert!(matches!(error, MmuError::ImageRoom { .. }), "{pages:#x}: {error}");
        assert_eq!(built.machine.calls(), 0);
    }
}
