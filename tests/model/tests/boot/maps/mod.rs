//! The memory maps of real hosts.
//!
//! *What this is*: every map of `hosts.txt`, the machine's under dom0 and a domU's own with `e820_host=1`, with and
//! without the ELF notes, with a ramdisk, for every way to map memory, and for guests of several sizes, most of them
//! smaller than the machine.
//!
//! *What must hold*: a boot ends in one of two ways. Either every page has one owner and nothing is lost, or one line
//! names what is in the way, both ranges, and what to change.
//!
//! *What is not checked*: how long a boot takes.

pub(crate) mod borders;

use std::fmt;

use mmu::MmuError;
use start_info::MapEntry;
use xen_guest::Cause;
use xen_model::{Domain, GuestConfig, Ramdisk, audit};

use crate::after::checked;

/// A host of the file.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    name: &'static str,
    /// How much of its memory a guest gets.
    pages: u64,
    map: Vec<MapEntry>,
}

impl Host {
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn map(&self) -> &[MapEntry] {
        &self.map
    }
}

/// Reads the file.
pub(crate) fn hosts() -> Vec<Host> {
    let mut hosts = Vec::<Host>::new();
    let hex = |word: &str| u64::from_str_radix(word.trim(), 16).unwrap();
    let lines = include_str!("hosts.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    for line in lines {
        if let Some(title) = line.strip_prefix("= ") {
            let [name, pages, _source] = title.splitn(3, "; ").collect::<Vec<_>>().try_into().unwrap();
            hosts.push(Host { name, pages: hex(pages), map: Vec::new() });
            continue;
        }
        let [start, end, kind] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let kind = match kind.strip_prefix('T') {
            Some(number) => number.parse().unwrap(),
            None => 1 + "URANX".find(kind).unwrap() as u32,
        };
        let (start, end) = (hex(start), hex(end));
        hosts.last_mut().unwrap().map.push(MapEntry { start, len: end - start, kind });
    }
    hosts
}

/// The choices for a guest, besides its host.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) domain: Domain,
    pub(crate) notes: bool,
    pub(crate) line: &'static str,
    pub(crate) pages: u64,
    pub(crate) image_start: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { domain, notes, line, pages, image_start } = self;
        write!(f, "{domain:?} of {pages:#x} pages, notes {notes}, image at {image_start:#x}, '{line}'")
    }
}

impl Case {
    pub(crate) fn guest(&self, map: &[MapEntry]) -> GuestConfig {
        let bytes = (0..0x1_2345_u32).map(|i| (i * 7) as u8).collect();
        let mut guest = GuestConfig {
            domain: self.domain,
            image_start: self.image_start,
            ..GuestConfig::new(self.pages)
        }
        .with_ramdisk(Ramdisk::of(bytes))
        .with_command_line(self.line);
        match self.domain {
            Domain::Dom0 => guest.machine_map = map.to_vec(),
            Domain::Guest => guest.memory_map = map.to_vec(),
        }
        if self.notes { guest.with_notes() } else { guest }
    }
}

/// How a boot ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Booted,
    Refused(String),
}

/// Boots a guest, and checks that it ends in one of the two ways.
pub(crate) fn boot(what: &str, guest: GuestConfig) -> End {
    let entries = guest.machine_map.iter().chain(&guest.memory_map);
    let has_far_ram = entries.filter(|entry| entry.kind == 1).any(|entry| entry.start >= 1 << 40);
    let built = guest.build().unwrap();
    let map: Vec<_> = guest.machine_map.iter().chain(&guest.memory_map).copied().collect();
    let near = (0..built.places.end).filter(|&page| borders::is_ram(&map, page..page + 1)).count();
    let has_no_near_ram = !map.is_empty() && near < 0x200;
    match built.boot() {
        Ok(booted) => {
            let mut booted = checked(guest, booted);
            booted.read_ramdisk();
            booted.use_and_check();
            End::Booted
        }
        Err((built, failure)) => {
            let line = failure.to_string();
            // For pages of the image that get numbers above a TiB the P2M takes more than a small guest has; and the first tables
            // need RAM among what the builder mapped.
            if let Cause::Mmu(MmuError::NoFrames { total, .. }) = failure.cause()
                && (total.get() < 0x8000 && has_far_ram || has_no_near_ram)
            {
                audit::references(&built.machine).assert_none();
                return End::Refused(line);
            }
            let Cause::Conflict(_) = failure.cause() else { panic!("{what}: {line}") };
            assert_eq!(line.matches("..0x").count(), 2, "{what}: both ranges: {line}");
            assert!(line.contains("; ") && !line.contains('\n'), "{what}: what to change: {line}");
            assert_eq!(built.machine.calls(), 1, "{what}: only the map was asked for");
            audit::references(&built.machine).assert_none();
            End::Refused(line)
        }
    }
}

const LINES: [&str; 4] = ["", "map=lazy", "revector=off", "map=lazy revector=off"];

/// All kinds of guests of some sizes.
fn cases(sizes: &[u64]) -> impl Iterator<Item = Case> + '_ {
    let domains = [Domain::Dom0, Domain::Guest];
    domains.into_iter().flat_map(move |domain| {
        [false, true].into_iter().flat_map(move |notes| {
            LINES.into_iter().flat_map(move |line| {
                let case = move |&pages| Case { domain, notes, line, pages, image_start: 0x1000 };
                sizes.iter().map(case)
            })
        })
    })
}

#[test]
fn every_map_is_booted_on_or_refused_with_both_ranges() {
    for host in hosts() {
        for case in cases(&[0x2c03, 0x6011]) {
            boot(&format!("{}: {case}", host.name), case.guest(&host.map));
        }
    }
}

/// With as much memory as its reporter could have given it: below 4 GiB and above, so that pages move.
#[test]
fn every_map_is_booted_on_with_much_of_its_memory() {
    for (number, host) in hosts().into_iter().enumerate() {
        for (domain, line) in
            [(Domain::Dom0, "map=lazy"), (Domain::Guest, ""), (Domain::Dom0, "revector=off")]
        {
            let case = Case { domain, notes: number % 2 == 0, line, pages: host.pages, image_start: 0x1000 };
            let what = format!("{}: {case}", host.name);
            assert_eq!(boot(&what, case.guest(&host.map)), End::Booted, "{what}");
        }
    }
}

/// The first window above a TiB of the host with the widest map: pages move there, over a gap of 960 GiB.
#[test]
fn memory_behind_a_tebibyte_is_accounted_for() {
    let host = hosts().into_iter().find(|host| host.name.contains("25 TiB")).unwrap();
    let map: Vec<MapEntry> = (host.map.iter().copied())
        .filter(|entry| entry.start < 1 << 32 || entry.start == 0xff_8000_0000)
        .collect();
    for domain in [Domain::Dom0, Domain::Guest] {
        let case = Case { domain, notes: true, line: "map=lazy", pages: host.pages, image_start: 0x1000 };
        let built = case.guest(&map).build().unwrap().boot().unwrap();
        assert!(built.machine().pages_now() > 0xff8_0000, "{case}");
        assert_eq!(boot(&case.to_string(), case.guest(&map)), End::Booted);
    }
}

/// An entry of a map, by pages.
fn line(start: u64, end: u64, kind: u32) -> MapEntry {
    MapEntry { start: start << 12, len: (end - start) << 12, kind }
}

/// Found with made-up maps: a few pages of RAM at 32 TiB made the P2M of a guest of 44 MiB larger than the guest.
#[test]
fn memory_too_far_behind_the_rest_to_be_worth_its_numbers_goes_back_to_xen() {
    const TIB: u64 = 1 << 28;
    let near = [line(0, 0x3000, 1), line(0x3000, 0x3800, 2), line(0x3800, 0x6000, 1)];
    // What a number at 1 TiB costs, three pages for each GiB, is more than 0x800 pages and less than 0x1000.
    for (hole, at, len, moved) in [
        (0x3800, 32 * TIB, 0x5000, false),
        (0x3800, TIB, 0x5000, false),
        (0x4000, TIB, 0xbff, false),
        (0x4100, TIB, 0x5000, true),
        (0x3800, TIB / 4, 0x5000, true),
    ] {
        let mut map = near.to_vec();
        map[1] = line(0x3000, hole, 2);
        map[2] = line(hole, 0x6000, 1);
        map.push(line(at, at + len, 1));
        for domain in [Domain::Dom0, Domain::Guest] {
            for line in ["", "map=lazy"] {
                let case = Case { domain, notes: true, line, pages: 0x6000, image_start: 0x400 };
                let what = format!("{hole:#x} {at:#x} {case}");
                let built = case.guest(&map).build().unwrap();
                let running = built.boot().unwrap_or_else(|(_, failure)| panic!("{what}: {failure}")).running;
                let numbers = running.platform().pages_now();
                assert_eq!(numbers, if moved { at + hole - 0x3000 } else { 0x6000 }, "{what}");
                assert_eq!(boot(&what, case.guest(&map)), End::Booted);
            }
        }
    }
}

/// Found with made-up maps: a lazy map had gaps if it grew past the end of a top-level entry, 512 GiB, while the new
/// address space was built. With each size of the memory below the frames run out at another step.
#[test]
fn a_lazy_map_grows_beyond_512_gib_at_any_step_of_a_boot() {
    const TIB: u64 = 1 << 28;
    for near in (0x880..0xd00).step_by(0x35) {
        let map = [line(0, near, 1), line(near, 0x7000, 2), line(TIB, TIB + 0x8000, 1)];
        for domain in [Domain::Dom0, Domain::Guest] {
            let case = Case { domain, notes: true, line: "map=lazy", pages: 0x7000, image_start: 0x400 };
            let what = format!("{near:#x} pages near: {case}");
            assert_eq!(boot(&what, case.guest(&map)), End::Booted, "{what}");
        }
    }
}
