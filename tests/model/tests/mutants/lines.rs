//! What a boot says: each number in its place.

use std::cell::RefCell;
use std::sync::Once;

use kit::module::small_module_with_start;
use log::{LevelFilter, Log, Metadata, Record};
use start_info::{MapEntry, PageCount};
use xen_guest::LoadError;
use xen_model::{Booted, Guest, Ramdisk};

thread_local! {
    static SAID: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what is said, by thread: a test is one.
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

/// Boots, and returns what was said meanwhile.
fn said(guest: &Guest) -> (Booted, Vec<String>) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        log::set_logger(&Keeper).unwrap();
        log::set_max_level(LevelFilter::Trace);
    });
    SAID.take();
    let booted = guest.build().unwrap().boot().unwrap();
    (booted, SAID.take())
}

fn map(end: u64, hole: (u64, u64)) -> Vec<MapEntry> {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    vec![entry(0, end, 1), entry(hole.0, hole.1, 2)]
}

#[test]
fn a_boot_says_what_it_copied_and_released() {
    // Leaves 16 to 20 have no page, and three more have a few.
    let holes = vec![0x2000..0x2a00, 0x3001..0x3002];
    let guest = Guest { holes, image_start: 0x400, ..Guest::new(0x4000 + 5) };
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
    let (booted, said) = said(&Guest::new(0x4000).with_command_line("revector=off"));
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
    ];
    assert_eq!(said, expected);
}

/// 0x123 pages make room: 0x20 of them find a number, 0x102 go back, and one of the ramdisk is in use.
#[test]
fn a_boot_says_what_made_room() {
    let guest = Guest::dom0(0x6000).with_ramdisk(Ramdisk::of(vec![7; 0x3456]));
    let ramdisk = guest.build().unwrap().places.ramdisk.unwrap();
    let last = ramdisk.end - 1;
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    let machine_map = vec![entry(0, 0x6020, 1), entry(last, last + 1, 2), entry(0x5000, 0x5122, 2)];
    let (booted, said) = said(&Guest { machine_map, ..guest });
    let arranged = "memory map: 32 pages moved, 258 given back, 1 in use where the machine has no RAM, 290 identity; 24608 \
                    numbers for 24576 pages";
    assert_eq!(said[0], arranged);
    let new = booted.running.ramdisk_pages().unwrap();
    let moved = format!(
        "ramdisk: moved from pfn {:#x}..{:#x} to pfn {:#x}..{:#x}",
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
    let guest = Guest { machine_map: map(pages + (3 << 18), (1 << 18, 4 << 18)), ..Guest::dom0(pages) };
    let (_, said) = said(&guest.with_notes());
    let told: Vec<&String> = said.iter().filter(|line| line.starts_with("mapping memory")).collect();
    assert_eq!(told, ["mapping memory: 8 of 20 GiB", "mapping memory: 16 of 20 GiB"]);
}

#[test]
fn the_picture_shows_every_region_and_counts_pages() {
    let guest = Guest::new(3000 * 256 + 1).with_command_line("map=lazy");
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
    let booted = Guest::new(0x4000).build().unwrap().boot().unwrap();
    let report = booted.running.report();
    let total: u64 = report.records().iter().map(|record| record.took).sum();
    let text = report.to_string();
    let json = report.json().to_string();
    assert_eq!(text.lines().next(), Some("  stage         of all ticks  hypercalls  frames"));
    assert_eq!(
        (text.lines().count(), json.lines().count()),
        (report.records().len() + 1, report.records().len())
    );
    let mut before = 0;
    for ((record, line), json) in report.records().iter().zip(text.lines().skip(1)).zip(json.lines()) {
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
        assert_eq!(json, expected);
        assert!(record.ticks > before && record.ticks > record.took, "a time, not a duration");
        before = record.ticks;
    }
    let counted: u64 = report.records().iter().map(|record| record.hypercalls).sum();
    assert_eq!(counted, booted.machine().calls());
    let frames: u64 = report.records().iter().map(|record| record.frames).sum();
    assert_eq!(frames, booted.running.parts().map.taken());
}

#[test]
fn the_table_of_modules_shows_every_number_of_a_module() {
    let mut booted = Guest::new(0x4000).build().unwrap().boot().unwrap();
    let object = small_module_with_start();
    let (calls, free) = (booted.machine().calls(), booted.running.free());
    let module = booted.running.load_bytes("small", &object).unwrap();
    let (cost, region) = (module.cost(), module.region());
    let rates = module.rates();
    // Code, constants, variables, two pages of variables without values; and a page for the start, which is gone.
    let (pages, kept) = (6, 5);
    assert_eq!(region.pages(), PageCount::new(kept));
    assert_eq!((cost.tables, booted.running.free()), (1, free - kept - 1));
    assert!(cost.hypercalls > 0 && cost.hypercalls < booted.machine().calls() - calls);
    assert_eq!(cost.total(), cost.plan + cost.relocate + cost.map);
    let modules = booted.running.modules();
    let text = modules.to_string();
    let (head, row) = text.split_once('\n').unwrap();
    let columns = [
        ("module", "small".to_owned()),
        ("from", format!("{:016x}", region.start())),
        ("to", format!("{:016x}", region.last())),
        ("size", object.len().to_string()),
        ("pages", pages.to_string()),
        ("kept", kept.to_string()),
        ("relocs", "0".to_owned()),
        ("symbols", "0".to_owned()),
        ("users", "0".to_owned()),
        ("hypercalls", cost.hypercalls.to_string()),
        ("ticks", cost.total().to_string()),
        ("per reloc", rates[0].to_string()),
        ("per page", rates[1].to_string()),
    ];
    let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
    assert_eq!(head.split_whitespace().collect::<Vec<_>>().join(" "), names);
    let numbers: Vec<&str> = columns.iter().map(|(_, number)| number.as_str()).collect();
    assert_eq!(row.split_whitespace().collect::<Vec<_>>(), numbers);
    let json = format!(
        "@report {{\"stage\":\"module small\",\"tsc\":{},\"took\":{},\"hypercalls\":{},\"frames\":{},\"start\":\"{:#x}\",\
         \"last\":\"{:#x}\",\"size\":{},\"pages\":{pages},\"relocations\":0,\"symbols\":0,\"per_relocation\":{},\
         \"per_page\":{}}}",
        cost.at,
        cost.total(),
        cost.hypercalls,
        pages + cost.tables,
        region.start(),
        region.last(),
        object.len(),
        rates[0],
        rates[1],
    );
    assert_eq!(modules.json().to_string(), json);
}

/// The place of a kind in the list below: a kind that is new does not compile before it has one.
const fn rank(error: &LoadError) -> usize {
    match error {
        LoadError::Module(_) => 0,
        LoadError::Mmu(_) => 1,
        LoadError::AlreadyLoaded => 2,
        LoadError::NeedNotLoaded { .. } => 3,
        LoadError::Init { .. } => 4,
        LoadError::NotLoaded => 5,
        LoadError::InUse { users: 1, .. } => 6,
        LoadError::InUse { .. } => 7,
        LoadError::Lingers { .. } => 8,
    }
}

#[test]
fn why_a_module_does_not_come_or_go_is_said_with_its_numbers() {
    let no_pages = mmu::Error::NotMapped { address: 0x1234, level: 2 };
    let lines = [
        (
            LoadError::Module(xen_guest::module::Error::NoMemory { entries: 5 }),
            "heap is full: no room for 5 entries of a plan",
        ),
        (LoadError::Mmu(no_pages), "0x1234 has no L2 table"),
        (LoadError::AlreadyLoaded, "a module of that name is loaded already"),
        (LoadError::NeedNotLoaded { need: "one".into() }, "module one, which it needs, is not loaded"),
        (LoadError::Init { code: -7 }, "its init returned -7; it was taken out again"),
        (LoadError::NotLoaded, "no module of that name is loaded"),
        (LoadError::InUse { users: 1, user: "one".into() }, "module one uses it; unload that first"),
        (
            LoadError::InUse { users: 3, user: "one".into() },
            "3 modules use it, one among them; unload those first",
        ),
        (
            LoadError::Lingers { pages: PageCount::new(7), error: no_pages },
            "it is unloaded, but 7 pages of it are not given back yet: 0x1234 has no L2 table",
        ),
    ];
    assert!(lines.iter().map(|(error, _)| rank(error)).eq(0..lines.len()));
    for (error, line) in lines {
        assert_eq!(error.to_string(), line, "{error:?}");
    }
}
