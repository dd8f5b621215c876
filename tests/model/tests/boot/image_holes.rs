//! Hosts whose memory map has holes under the kernel image.
//!
//! *What must hold*: each page of the image keeps its frame, its address and what is in it. A page in a hole gets a number
//! that had no page before; the others keep theirs. No page of the image is handed out, and nothing is lost.

use std::collections::HashSet;
use std::ops::Range;

use mmu::layout::{KERNEL_MAP, KernelMap};
use start_info::{MapEntry, Pfn, PfnRange};
use xen_model::{Domain, GuestConfig};

use crate::after::{Booted, checked};
use crate::host::{RAM, RESERVED, map};
use crate::maps::{Case, End, boot, borders::is_ram, hosts};
use crate::used::ramdisk;

const PAGES: u64 = 0x6011;
const END: u64 = 0x9000;
const IMAGE: Range<u64> = 0x1000..0x1123;

/// What a page of the image holds before the boot.
const fn content(page: u64) -> u64 {
    0x5a5a_0000_0000_0000 | page
}

/// A dom0, or a domU with the host's map.
fn guest(domain: Domain, map: Vec<MapEntry>) -> GuestConfig {
    match domain {
        Domain::Dom0 => GuestConfig { machine_map: map, ..GuestConfig::dom0(PAGES) },
        Domain::Guest => GuestConfig { memory_map: map, ..GuestConfig::new(PAGES) },
    }
}

/// Guests of every kind on a host with these holes.
fn guests(holes: &[Range<u64>]) -> impl Iterator<Item = GuestConfig> {
    let holes: Vec<_> = holes.iter().map(|hole| (hole.start, hole.end, RESERVED)).collect();
    let map = map(END, &holes);
    let lines = ["", "map=lazy", "revector=off", "map=lazy revector=off"];
    [Domain::Dom0, Domain::Guest].into_iter().flat_map(move |domain| {
        let map = map.clone();
        lines.into_iter().enumerate().map(move |(number, line)| {
            let guest = guest(domain, map.clone()).with_ramdisk(ramdisk()).with_command_line(line);
            if number.is_multiple_of(2) { guest } else { guest.with_notes() }
        })
    })
}

/// Boots a guest whose image has something in each page, and checks the image and all else.
fn image_kept(guest: &GuestConfig) -> Booted {
    let mut built = guest.build().unwrap();
    for page in IMAGE {
        let mfn = built.machine.built_mfn(page).unwrap();
        built.machine.poke(mfn, 3, content(page));
    }
    let what = format!("{:x?} {:x?}", guest.machine_map, guest.memory_map);
    let booted = built
        .boot()
        .unwrap_or_else(|(built, failure)| panic!("{what}: {failure}\n{}", built.machine.trace()));
    let mut booted = checked(guest.clone(), booted);
    booted.image_is_kept();
    booted.read_ramdisk();
    booted.load_module(3);
    booted.use_and_check();
    booted.image_is_kept();
    booted
}

impl Booted {
    /// Checks where each page of the image is, what it holds and which number it has.
    fn image_is_kept(&self) {
        let (machine, image) = (self.machine(), self.running.parts().context.image);
        let numbers = self.running.parts().map.lasting();
        let pages = PfnRange::between(image.text.start(), image.data.end());
        let mut seen = HashSet::new();
        for run in numbers.runs(pages) {
            for (page, now) in run.listed.iter().zip(run.pfns.iter()) {
                let mfn = machine.built_mfn(page.get()).unwrap();
                assert_eq!(machine.held_pfn(mfn), Some(now), "{page}");
                assert_eq!(machine.peek(mfn, 3), Some(content(page.get())), "{page}");
                let in_hole = machine.is_device(page.get());
                let expected = if in_hole { now.get() >= self.guest.pages } else { now == page };
                assert!(expected, "{page} is {now} now");
                assert!(!machine.is_device(now.get()), "the machine has no RAM at {now}");
                assert!(seen.insert(page));
                let found = self.running.lookup(image.map.address(page)).unwrap();
                let mapped = found.page.map(|page| (page.pfn, page.mfn));
                assert_eq!(mapped, (page != image.guard).then_some((Some(now), mfn)), "{page}");
            }
        }
        assert_eq!(seen, IMAGE.map(Pfn::new).collect(), "each page once");
    }
}

#[test]
fn a_hole_under_any_part_of_the_image() {
    let image = GuestConfig::new(PAGES).build().unwrap().image;
    let [text, constant, data, guard] =
        [image.text.start(), image.constant.start(), image.data.start(), image.guard].map(Pfn::get);
    for hole in [
        text..constant,
        constant..data,
        data..IMAGE.end,
        // One page of each: code, constants, variables, the guard page, the stack above it, the last of all.
        text..text + 1,
        text + 7..text + 8,
        constant - 1..constant,
        constant..constant + 1,
        data..data + 1,
        guard..guard + 1,
        guard + 1..guard + 2,
        IMAGE.end - 1..IMAGE.end,
        // Parts of several, all, and more than all.
        constant - 3..guard + 5,
        IMAGE,
        IMAGE.start - 0x13..IMAGE.end,
    ] {
        for guest in guests(std::slice::from_ref(&hole)) {
            let booted = image_kept(&guest);
            assert!(hole.clone().all(|pfn| booted.machine().held_mfn(pfn).is_none()), "{hole:x?}");
        }
    }
}

/// Code runs in the image while it is renumbered, and the console's ring is written. So whatever Xen refuses, and when: as long as
/// the builder's tables are in use, they map these pages.
#[test]
fn what_is_in_use_stays_mapped_until_the_switch() {
    for domain in [Domain::Dom0, Domain::Guest] {
        let guest = guest(domain, map(END, &[(IMAGE.start, IMAGE.end + 0x80, RESERVED)]));
        let built = guest.build().unwrap();
        let (root, places) = (built.machine.root(), built.places.clone());
        let rings = places.xenstore.into_iter().chain(places.console);
        let pages: Vec<u64> = places.image.clone().chain(rings).collect();
        let calls = match built.clone().boot() {
            Ok(booted) => booted.machine().calls(),
            Err((_, failure)) => panic!("{failure}"),
        };
        let mut before = 0;
        for call in 1..=calls {
            let mut built = built.clone();
            built.machine.refuse_at(call, mmu::Errno::EINVAL);
            let (built, _) = built.boot().unwrap_err();
            if built.machine.root() == root {
                let is_mapped = |page| built.machine.live_leaf(KERNEL_MAP.as_u64() + page * 4096).is_ok();
                assert!(pages.iter().all(|&page| is_mapped(page)), "{domain:?}, call {call}");
                before += 1;
            }
        }
        assert!(before > 5, "{before} calls before the switch");
    }
}

/// The console is written at its new number, however far memory is mapped.
#[test]
fn a_ring_in_a_hole_is_written_at_its_new_number() {
    let places = GuestConfig::new(PAGES).build().unwrap().places;
    let [store, console] = [places.xenstore, places.console].map(Option::unwrap);
    for hole in
        [places.start_info..console + 1, places.start_info..store, store..store + 1, console..console + 1]
    {
        for (pages, line) in [(PAGES, ""), (PAGES, "revector=off"), (0x8_0123, "map=lazy")] {
            let end = pages + 0x1000;
            let guest = GuestConfig {
                memory_map: map(end, &[(hole.start, hole.end, RESERVED)]),
                ..GuestConfig::new(pages).with_command_line(line)
            };
            let moved = guest.build().unwrap().places;
            // A longer list moves what comes after it.
            let hole = moved.start_info + hole.start - places.start_info
                ..moved.start_info + hole.end - places.start_info;
            let guest = GuestConfig { memory_map: map(end, &[(hole.start, hole.end, RESERVED)]), ..guest };
            let booted = crate::after::booted(guest);
            let start_info = booted.machine().built_mfn(moved.start_info).unwrap();
            assert!(booted.machine().held_pfn(start_info).is_some(), "start_info went away: {line}");
            let mfn = booted.machine().built_mfn(moved.console.unwrap()).unwrap();
            let now = booted.machine().held_pfn(mfn).unwrap().get();
            assert_eq!(now >= pages, hole.contains(&moved.console.unwrap()));
            assert_eq!(
                booted.machine().console_at(),
                Some(booted.bases().direct_map().as_u64() + now * 4096),
                "{line}"
            );
        }
    }
}

/// The builder loads relocations after the image, and nobody needs them after the entry: they are free memory, and go where
/// free memory goes.
#[test]
fn relocations_in_a_hole_are_free_memory() {
    let first = IMAGE.end - 9;
    let page = Pfn::new;
    for hole in [
        first..IMAGE.end,
        first..first + 1,
        first + 3..first + 5,
        IMAGE.end - 1..IMAGE.end,
        // With the end of the image.
        first - 2..first + 4,
    ] {
        for guest in guests(std::slice::from_ref(&hole)) {
            let mut built = guest.build().unwrap();
            built.image.data = PfnRange::between(built.image.data.start(), page(first));
            built.image.relocations = PfnRange::between(page(first), page(IMAGE.end));
            built.entry.image_end = KernelMap::BUILDER.address(page(first));
            built.places.image.end = first;
            let frames: Vec<_> =
                (first..IMAGE.end).map(|pfn| (pfn, built.machine.built_mfn(pfn).unwrap())).collect();
            let goes_back = guest.command_line.contains("revector=off");
            let guest = GuestConfig { image_pages: guest.image_pages - 9, ..guest };
            let mut booted = checked(guest, built.boot().map_err(|(_, failure)| failure).unwrap());
            for (pfn, mfn) in frames {
                let now = booted.machine().held_pfn(mfn).map(Pfn::get);
                let right = match hole.contains(&pfn) {
                    true if goes_back => now.is_none(),
                    true => now.is_some_and(|now| now >= PAGES),
                    false => now == Some(pfn),
                };
                assert!(right, "{pfn:#x} is {now:x?} now, {hole:x?}");
            }
            booted.read_ramdisk();
            booted.use_and_check();
        }
    }
}

/// As many pieces as a map has room for, and the new numbers are in pieces too.
#[test]
fn an_image_in_many_pieces() {
    let holes: Vec<Range<u64>> =
        (0..30).map(|piece| IMAGE.start + piece * 9..IMAGE.start + piece * 9 + 5).collect();
    for guest in guests(&holes) {
        image_kept(&guest);
    }
    let mut apart = holes;
    apart.extend((0..29).map(|piece| PAGES + piece * 5..PAGES + piece * 5 + 2));
    for guest in guests(&apart) {
        let booted = image_kept(&guest);
        assert!(booted.running.parts().map.lasting().all().count() > 80);
    }
}

/// The image comes first: what is left of the numbers is for other pages.
#[test]
fn where_numbers_are_few_the_image_gets_them() {
    let holes = [0x200..0x250, IMAGE.start + 4..IMAGE.start + 9];
    for (more, given_back) in [(5, 0x50), (8, 0x4d), (0x55, 0)] {
        for line in ["", "map=lazy", "revector=off"] {
            for domain in [Domain::Dom0, Domain::Guest] {
                let holes: Vec<_> = holes.iter().map(|hole| (hole.start, hole.end, RESERVED)).collect();
                let guest = guest(domain, map(PAGES + more, &holes)).with_command_line(line);
                let before = guest.build().unwrap().machine.current_reservation().unwrap();
                let booted = image_kept(&guest);
                let after = booted.machine().clone().current_reservation().unwrap();
                let expected = if line == "revector=off" { 0x50 } else { given_back };
                assert_eq!(before - after, expected, "{more} {line}");
            }
        }
    }
}

/// Numbers far above cost memory. The image must have them; then other pages may have those of the same GiB.
#[test]
fn the_image_gets_a_number_however_far_it_is() {
    const TIB: u64 = 1 << 28;
    for (far, len, moved) in [(TIB, 3, 3), (TIB, 0x63, 0x63), (TIB / 4, 3, 3)] {
        let mut map = map(PAGES, &[(0x200, 0x260, RESERVED), (IMAGE.start, IMAGE.start + 3, RESERVED)]);
        map.push(MapEntry { start: far << 12, len: len << 12, kind: RAM });
        for line in ["", "map=lazy"] {
            for domain in [Domain::Dom0, Domain::Guest] {
                let booted = image_kept(&guest(domain, map.clone()).with_notes().with_command_line(line));
                assert_eq!(booted.pages(), far + moved);
            }
        }
    }
}

/// The image may be anywhere in the guest, and have any size.
#[test]
fn odd_places_and_sizes() {
    for (start, pages, hole) in [
        (0x33, 1, 0x33..0x34),
        (0x101, 0x3ff, 0x101..0x102),
        (0x1ff, 2, 0x200..0x201),
        (0x1ff, 0x403, 0x1ff..0x602),
        (0x400, 0x201, 0x3ff..0x601),
        (0x7ff, 0xe43, 0x900..0x1500),
    ] {
        for guest in guests(&[hole]) {
            let guest = GuestConfig { image_start: start, image_pages: pages.max(4), ..guest };
            let what = format!("{start:#x} {pages:#x} {:x?}", guest.memory_map);
            assert_eq!(boot(&what, guest), End::Booted, "{what}");
        }
    }
}

/// At another address than the builder's, too; also when what maps it there lies in a hole.
#[test]
fn an_image_at_an_address_of_its_own() {
    let stack = GuestConfig::dom0(PAGES).with_ramdisk(ramdisk()).build().unwrap().places.stack;
    for word in [0, 0x1234_5678_9abc_def0, u64::MAX] {
        for hole in [IMAGE.start + 5..IMAGE.start + 6, IMAGE.start - 3..IMAGE.end, IMAGE.end - 1..stack + 3] {
            for guest in guests(std::slice::from_ref(&hole)) {
                let list = guest.build().unwrap().places.list;
                if hole.contains(&list.start) && guest.command_line.contains("revector=off") {
                    // A list that stays cannot leave.
                    continue;
                }
                let booted = image_kept(&guest.with_slide(word));
                assert!(booted.running.parts().context.image.map != KernelMap::BUILDER);
            }
        }
    }
}

/// A page of a map, shifted so that page `from` of it is page `to`; what would lie below page 0 is cut off.
fn shifted(map: &[MapEntry], from: u64, to: u64) -> Vec<MapEntry> {
    let shift = |byte: u64| (byte + (to << 12)).saturating_sub(from << 12);
    let entries = map.iter().map(|entry| (shift(entry.start), shift(entry.start + entry.len), entry.kind));
    // As far as the map is cut off or begins later there is memory.
    let begins = map.iter().map(|entry| shift(entry.start)).min().unwrap();
    [(0, begins, RAM)]
        .into_iter()
        .chain(entries)
        .filter(|(start, end, _)| start < end)
        .map(|(start, end, kind)| MapEntry { start, len: end - start, kind })
        .collect()
}

/// Every hole of every real map, at the image's start, in its middle, and at its end.
#[test]
fn every_hole_of_every_map_meets_the_image() {
    let (mut booted, pages) = (0, 0x2c03);
    let lines = ["", "map=lazy", "revector=off", "map=lazy revector=off"];
    for host in hosts() {
        let holes: Vec<&MapEntry> =
            host.map().iter().filter(|entry| entry.kind != RAM && entry.len > 0).collect();
        for (number, hole) in holes.into_iter().enumerate() {
            let ends = [hole.start / 4096, (hole.start + hole.len).div_ceil(4096) - 1];
            for (place, (from, to)) in [
                (ends[0], IMAGE.start),
                (ends[1], IMAGE.start),
                (ends[0], IMAGE.start + 0x91),
                (ends[1], IMAGE.end - 1),
            ]
            .into_iter()
            .enumerate()
            {
                let mut map = shifted(host.map(), from, to);
                // What a host has of memory above is for the numbers; a little is enough.
                let last = map.iter().map(|entry| entry.start + entry.len).max().unwrap();
                map.push(MapEntry { start: last.max(pages << 12), len: 0x4000 << 12, kind: RAM });
                let domain = if (number + place).is_multiple_of(2) { Domain::Dom0 } else { Domain::Guest };
                let line = lines[(number + place / 2) % 4];
                let case = Case { domain, notes: place % 3 == 0, line, pages, image_start: IMAGE.start };
                let what = format!("{} {from:#x} at {to:#x}: {case}", host.name());
                if !(1..IMAGE.start - 0x20).any(|start| is_ram(&map, start..start + 0x20)) {
                    // Where the hole has all that the builder mapped there may be no page for a first table.
                    let failure = case.guest(&map).build().unwrap().boot().err();
                    let line = failure.map(|(_, failure)| failure.to_string()).unwrap_or_default();
                    assert!(
                        !line.contains('\n') && !line.contains("memory map: the kernel image"),
                        "{what}: {line}"
                    );
                    continue;
                }
                match boot(&what, case.guest(&map)) {
                    End::Booted => booted += 1,
                    End::Refused(line) => {
                        let list_stays = case.line.contains("revector=off") && line.contains("P2M list");
                        assert!(list_stays, "{what}: {line}");
                    }
                }
            }
        }
    }
    assert!(booted > 200, "{booted} booted");
}
