//! What a boot logs, while it runs and afterwards: each number in its place.

use std::cell::RefCell;
use std::sync::Once;

use log::{LevelFilter, Log, Metadata, Record};
use xen_guest::{Image, RandomWords, Source, choose_address};
use xen_model::{Booted, Built, GuestConfig, Ramdisk};

use crate::host::{RESERVED, dom0_beside, map};

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the log lines of each thread: a test is one thread.
struct Keeper;

impl Log for Keeper {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        SAID.with_borrow_mut(|said| said.push(record.args().to_string()));
    }

    fn flush(&self) {}
}

/// Boots, and returns the lines logged meanwhile.
fn said(guest: &GuestConfig) -> (Booted, Vec<String>) {
    said_of(|| guest.build().unwrap())
}

fn said_of(build: impl FnOnce() -> Built) -> (Booted, Vec<String>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    SAID.take();
    let booted = build().boot().unwrap();
    (booted, SAID.take())
}

#[test]
fn the_choice_of_an_address_is_said_and_only_programs_are_told_the_address() {
    for (source, words) in [
        (Source::Rdseed, "drawn by rdseed"),
        (Source::Rdrand, "drawn by rdrand"),
        (Source::Weak, "weakly drawn: the processor has neither RDSEED nor RDRAND"),
    ] {
        for report in ["report=text", "report=json"] {
            let guest = GuestConfig::new(0x4000).with_command_line(report);
            let (booted, said) = said_of(|| {
                let mut built = guest.build().unwrap();
                let random = RandomWords { words: [0x1234_5678_9abc_def0; 5], source };
                built.image =
                    choose_address(&mut built.machine, &built.page, &built.entry, &built.image, |_| random);
                built
            });
            let image = &booted.running.parts().context.image;
            let (slide, bases) = (image.map.slide(), 0x2_0000 - 0x1400 - image_pages(image) + 1);
            let line = format!("kaslr: the image is at one of {bases} addresses, {words}");
            assert_eq!(said.iter().filter(|said| **said == line).count(), 1, "{said:#?}");
            let start = image.map.address(image.text.start()).as_u64();
            let gives_away =
                |line: &&String| line.contains(&format!("{slide:x}")) || line.contains(&format!("{start:x}"));
            let given: Vec<_> = said.iter().filter(gives_away).collect();
            let fact = format!(
                "@fact {{\"fact\":\"kaslr\",\"slide\":\"{slide:#x}\",\"bases\":{bases},\"source\":\"{source}\"}}"
            );
            assert_eq!(said.contains(&fact), report == "report=json");
            assert!(given.iter().all(|line| line.starts_with("@fact ")), "{given:#?}");
            assert_eq!(given.is_empty(), report == "report=text");
            let stage = said.iter().position(|line| line.starts_with("@report {\"stage\":\"kaslr\""));
            assert_eq!(stage, (report == "report=json").then_some(0), "{said:#?}");
        }
    }
}

#[test]
fn an_image_that_stays_says_why() {
    let large = GuestConfig { image_pages: 0x1_2000, ..GuestConfig::new(600 * 256) };
    let (_, said) = said(&large.clone().with_slide(1).with_command_line("report=json"));
    let why = "the image has 73728 pages, and there are 52224 pages of addresses from the end of the builder's mapping to the \
               module window; a smaller ramdisk leaves more";
    assert!(
        said.contains(&format!("kaslr: the image stays, and the other regions are drawn by rdseed: {why}")),
        "{said:#?}"
    );
    let fact = "@fact {\"fact\":\"kaslr\",\"slide\":\"0x0\",\"bases\":0,\"source\":\"none\",\"stayed\":\"";
    assert!(said.iter().any(|line| line.starts_with(fact)), "{said:#?}");
    let (_, said) = super::lines::said(&large.with_command_line("report=json"));
    let fact = "@fact {\"fact\":\"kaslr\",\"slide\":\"0x0\",\"bases\":0,\"source\":\"off\"}".to_owned();
    assert!(said.contains(&fact) && !said.iter().any(|line| line.starts_with("kaslr")), "{said:#?}");
}

fn image_pages(image: &Image) -> u64 {
    image.data.end().get() - image.text.start().get()
}

#[test]
fn a_boot_says_what_it_copied_and_released() {
    // Leaves 16 to 20 have no page, and three more have a few.
    let holes = vec![0x2000..0x2a00, 0x3001..0x3002];
    let guest = GuestConfig { holes, image_start: 0x400, ..GuestConfig::new(0x4000 + 5) };
    let (booted, said) = said(&guest);
    let places = &booted.places;
    let (tables, stack, list) = (&places.tables, places.stack, &places.list);
    let expected = [
        "P2M: 28 leaves copied to __va, 5 shared as missing".to_owned(),
        format!(
            "released: page tables {:#x}..{:#x}, boot stack {stack:#x}..{:#x}, P2M list {:#x}..{:#x}",
            tables.start,
            tables.end,
            stack + 1,
            list.start,
            list.end
        ),
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_boot_says_that_the_list_was_left() {
    let (booted, said) = said(&GuestConfig::new(0x4000).with_command_line("revector=off"));
    let (tables, stack) = (&booted.places.tables, booted.places.stack);
    let list = 0xffff_ffff_8000_0000 + booted.places.list.start * 4096;
    let expected = [
        format!("P2M: left at {list:#x} as the builder put it"),
        format!(
            "released: page tables {:#x}..{:#x}, boot stack {stack:#x}..{:#x}, no P2M list",
            tables.start,
            tables.end,
            stack + 1
        ),
        "p2m: the toolstack cannot read the list where it is, so none is published: no xl dump-core, no xl save"
            .to_owned(),
    ];
    assert_eq!(said, expected);
}

/// 0x123 pages must go: 0x20 get another number, 0x102 go back, and one of the ramdisk is in use.
#[test]
fn a_boot_says_what_made_room() {
    let guest = GuestConfig::dom0(0x6000).with_ramdisk(Ramdisk::of(vec![7; 0x3456]));
    let ramdisk = guest.build().unwrap().places.ramdisk.unwrap();
    let last = ramdisk.end - 1;
    let machine_map = map(0x6020, &[(last, last + 1, RESERVED), (0x5000, 0x5122, RESERVED)]);
    let (booted, said) = said(&GuestConfig { machine_map, ..guest });
    let arranged = "memory map: 32 pages moved, 258 given back, 1 in use where the machine has no RAM, 290 identity; 24608 \
                    numbers for 24576 pages";
    assert_eq!(said[0], arranged);
    let new = booted.running.ramdisk_pages().unwrap();
    let moved = format!(
        "ramdisk: moved from pfn {:#x}..{:#x} to pfn {}..{}",
        ramdisk.start,
        ramdisk.end,
        new.start(),
        new.end()
    );
    assert_eq!(said.last(), Some(&moved));
}

/// Memory, not numbers: between 1 GiB and 4 GiB this host has none.
#[test]
fn a_long_boot_says_how_much_memory_is_mapped() {
    let pages = 20 << 18;
    let guest = dom0_beside(pages, pages + (3 << 18), (1 << 18, 4 << 18));
    let (_, said) = said(&guest.with_notes());
    let told: Vec<&String> = said.iter().filter(|line| line.starts_with("mapping memory")).collect();
    assert_eq!(told, ["mapping memory: 8 of 20 GiB", "mapping memory: 16 of 20 GiB"]);
}

#[test]
fn the_picture_shows_every_region_and_counts_pages() {
    let guest = GuestConfig::new(3000 * 256 + 1).with_command_line("map=lazy");
    let booted = guest.build().unwrap().boot().unwrap();
    let running = &booted.running;
    let mapped = running.mapped().get();
    assert!(mapped < guest.pages && running.free() != mapped);
    let picture = running.picture().to_string();
    let lines: Vec<&str> = picture.lines().collect();
    let (last, rows) = lines.split_last().unwrap();
    let mut regions = running.regions().to_vec();
    regions.sort_unstable_by_key(mmu::Region::start);
    let expected: Vec<String> = (regions.iter())
        .map(|region| {
            let pages = region.pages().get();
            format!(
                "  {:016x} .. {:016x}  {:<16} {pages} pages",
                region.start(),
                region.last(),
                region.name()
            )
        })
        .collect();
    assert_eq!(rows, expected);
    let image = 0xffff_ffff_8000_0000 + booted.places.image.end * 4096;
    let end = format!(
        "  image ends at {image:#x}, modules end at 0xffffffffa0000000; {mapped} of {} pages mapped, {} free",
        guest.pages,
        running.free()
    );
    assert_eq!(*last, end);
}

#[test]
fn the_report_shows_every_number_of_a_stage() {
    let (booted, said) = said(&GuestConfig::new(0x4000).with_command_line("report=json"));
    let report = booted.running.report();
    let json: Vec<&String> = said.iter().filter(|line| line.starts_with("@report ")).collect();
    let total: u64 = report.records().iter().map(|record| record.took).sum();
    let text = report.to_string();
    assert_eq!(text.lines().next(), Some("  stage         of all ticks  hypercalls  frames"));
    assert_eq!((text.lines().count(), json.len()), (report.records().len() + 1, report.records().len()));
    let mut before = 0;
    for ((record, line), json) in report.records().iter().zip(text.lines().skip(1)).zip(json) {
        let share = record.took * 100 / total;
        let bar = "#".repeat(share as usize / 5);
        let columns = [record.took, record.hypercalls, record.frames].map(|number| number.to_string());
        let found: Vec<&str> = line[14..].split_whitespace().collect();
        assert_eq!(line[2..14].trim_end(), record.stage.to_string());
        assert_eq!(found[..2], [share.to_string().as_str(), "%"], "{line}");
        assert_eq!(found[2..5], columns, "{line}");
        assert_eq!(found.get(5).copied().unwrap_or_default(), bar, "{line}");
        let expected = format!(
            "@report {{\"stage\":\"{}\",\"tsc\":{},\"took\":{},\"hypercalls\":{},\"frames\":{}}}",
            record.stage, record.ticks, record.took, record.hypercalls, record.frames
        );
        assert_eq!(*json, expected);
        assert!(record.ticks > before && record.ticks > record.took, "a time, not a duration");
        before = record.ticks;
    }
    let counted: u64 = report.records().iter().map(|record| record.hypercalls).sum();
    assert_eq!(counted, booted.machine().calls());
    let frames: u64 = report.records().iter().map(|record| record.frames).sum();
    assert_eq!(frames, booted.running.parts().map.taken());
}

/// What is after `key` in a line of facts, without quotes.
fn field<'l>(line: &'l str, key: &str) -> &'l str {
    let (_, rest) = line.split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {line}"));
    rest.split([',', '}']).next().unwrap().trim_matches('"')
}

/// Name, first page and number of pages of each range in the facts of a name.
fn ranges<'s>(said: &'s [String], fact: &str) -> Vec<(&'s str, u64, u64)> {
    let begins = format!("@fact {{\"fact\":\"{fact}\",");
    let lines = said.iter().flat_map(|said| said.lines()).filter(|line| line.starts_with(&begins));
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
    let range = |line: &'s str| {
        (field(line, "name"), number(field(line, "pfn")), field(line, "pages").parse().unwrap())
    };
    lines.map(range).collect()
}

#[test]
fn the_facts_say_what_the_builder_made_of_memory() {
    for guest in
        [GuestConfig::new(0x4000 + 5), GuestConfig::new(0x4000).with_notes(), GuestConfig::dom0(0x6000)]
    {
        let guest = guest.with_command_line("report=json").with_ramdisk(Ramdisk::of(vec![7; 0x3456]));
        let (booted, said) = said(&guest);
        let (places, facts) = (&booted.places, booted.running.facts());
        let mut built = ranges(&said, "built");
        let of =
            |name: &str| built.iter().find(|range| range.0 == name).map(|&(_, pfn, pages)| pfn..pfn + pages);
        assert_eq!(of("kernel image"), Some(places.image.clone()));
        assert_eq!(of("ramdisk"), places.ramdisk);
        assert_eq!(of("page tables"), Some(places.tables.clone()));
        assert_eq!(of("boot stack"), Some(places.stack..places.stack + 1));
        assert_eq!(of("P2M list"), Some(places.list.clone()));
        let rings = facts.ring_pages();
        assert_eq!(of("rings"), (!rings.is_empty()).then(|| rings.start().get()..rings.end().get()));
        // Every page of the builder's mapping is in one of them.
        built.sort_unstable_by_key(|range| range.1);
        let mut next = 0;
        for (name, pfn, pages) in built {
            assert!(pfn == next || pfn > facts.least_boot_end().get(), "{name} at {pfn:#x}, not {next:#x}");
            next = pfn + pages;
        }
    }
}

#[test]
fn the_facts_say_whose_every_page_is() {
    for (words, guest) in [
        ("", GuestConfig::new(0x4000 + 5)),
        ("revector=off", GuestConfig::new(0x4000)),
        ("map=lazy", GuestConfig::new(3000 * 256 + 1)),
        ("", GuestConfig::dom0(0x6000)),
    ] {
        let (booted, said) = said(&guest.with_command_line(&format!("report=json {words}")));
        let owners = ranges(&said, "owner");
        let mut next = 0;
        for (name, pfn, pages) in &owners {
            assert!(*pfn == next && *pages > 0, "{name} at {pfn:#x}, not {next:#x}");
            next += pages;
        }
        assert_eq!(next, booted.running.parts().map.total().get());
        let lines =
            said.iter().flat_map(|said| said.lines()).filter(|line| line.contains("\"name\":\"frames\""));
        let free: u64 = lines.map(|line| field(line, "free").parse::<u64>().unwrap()).sum();
        assert_eq!(free, booted.running.free(), "{words}");
        let image: Vec<_> = owners.iter().filter(|(name, ..)| *name == "kernel image").collect();
        let places = &booted.places;
        assert_eq!(image[..], [&("kernel image", places.image.start, places.image.end - places.image.start)]);
        let kept = owners.iter().any(|(name, ..)| *name == "P2M list");
        assert_eq!(kept, words == "revector=off");
        assert_eq!(owners.iter().any(|(name, ..)| *name == "not mapped yet"), words == "map=lazy");
    }
}

/// The image has more than one range where the machine has holes under it, and is addressed by the builder's numbers.
#[test]
fn the_facts_say_which_numbers_the_image_has() {
    let holes = [(0x1002, 0x1005, RESERVED), (0x1120, 0x1200, RESERVED)];
    let guest = GuestConfig { machine_map: map(0x7000, &holes), ..GuestConfig::dom0(0x6000) };
    let (_, said) = said(&guest.with_command_line("report=json"));
    let lines = said.iter().flat_map(|said| said.lines());
    let owners = lines.filter(|line| line.starts_with("@fact {\"fact\":\"owner\",\"name\":\"kernel image\""));
    let runs: Vec<_> =
        owners.map(|line| (field(line, "pfn"), field(line, "pages"), field(line, "listed"))).collect();
    assert_eq!(
        runs,
        [
            ("0x1000", "2", "0x1000"),
            ("0x1005", "283", "0x1005"),
            ("0x6000", "3", "0x1002"),
            ("0x6003", "3", "0x1120")
        ]
    );
    let told: Vec<_> = said.iter().filter(|line| line.contains(" stays in use, as ")).collect();
    assert_eq!(
        told,
        [
            "memory map: pfn 0x1002..0x1005 stays in use, as pfn 0x6000..0x6003",
            "memory map: pfn 0x1120..0x1123 stays in use, as pfn 0x6003..0x6006"
        ]
    );
}

/// The model's clock ticks whenever it is read: once before a line and once after it, of which the first is the stage's.
#[test]
fn what_is_printed_for_programs_costs_no_stage_anything() {
    let costs = |words: &str| {
        let (booted, said) = said(&GuestConfig::new(9 << 18).with_command_line(words));
        assert_eq!(
            said.iter().any(|line| line.starts_with("@fact {\"fact\":\"mapped\"")),
            words == "report=json"
        );
        booted.running.report().records().to_vec()
    };
    let (plain, told) = (costs("report=text"), costs("report=json"));
    assert_eq!(plain.len(), told.len());
    for (plain, told) in plain.iter().zip(&told) {
        assert_eq!((plain.hypercalls, plain.frames), (told.hypercalls, told.frames), "{}", plain.stage);
        let lines = match plain.stage.to_string().as_str() {
            "start_info" => 0,
            // After start_info its line, the choice of an address and what the builder made; after the layout its line and the padding; while memory is
            // mapped one for every 2 GiB.
            "p2m check" => 3,
            "direct map" => 2 + 4,
            _ => 1,
        };
        assert!((plain.took..=plain.took + lines).contains(&told.took), "{told:?}, without lines {plain:?}");
    }
}
