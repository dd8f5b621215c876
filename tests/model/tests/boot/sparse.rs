//! Hosts whose memory lies far apart, and whose free memory lies in pieces.
//!
//! *What must hold*: numbers are not memory. The cost of a boot is counted in steps. It grows with the memory and the
//! leaves of the P2M, not with the page numbers in between. Where a run of pages is missing, the line says how long it
//! must be, what there is, and what to change; following it helps.

use xen_guest::Cause;
use xen_model::{GuestConfig, Ramdisk, audit};

use crate::after::booted;
use crate::host::{RESERVED, map};
use crate::used::fully_used;

const PAGES: u64 = 0x6011;
/// Where the map has memory for the pages in the hole.
const FAR: u64 = 0x1803;

/// A dom0 whose pages from 0x5001 on get numbers after a hole that ends at page `far`.
fn behind(far: u64) -> GuestConfig {
    GuestConfig { machine_map: map(far + FAR, &[(0x5001, far, RESERVED)]), ..GuestConfig::dom0(PAGES) }
}

/// The steps, hypercalls and frames of a boot, and the leaves of its P2M.
fn cost(guest: &GuestConfig) -> (u64, u64, u64, u64) {
    let built = guest.build().unwrap();
    let before = built.machine.accesses();
    let running = built.boot().unwrap().running;
    let (machine, parts) = (running.platform(), running.parts());
    let (steps, calls) = (machine.accesses() - before, machine.calls());
    audit::references(machine).assert_none();
    let counted = running.audit().unwrap();
    let given_back = if parts.publication.is_some() { 0 } else { PAGES - 0x5001 };
    assert_eq!((counted.ram, counted.missing), (PAGES - given_back, 0));
    assert_eq!(parts.map.memory().get(), counted.ram, "page numbers are no memory");
    (steps, calls, parts.map.taken(), parts.p2m.leaves())
}

#[test]
fn a_hole_of_a_tebibyte_costs_its_leaves_and_not_its_numbers() {
    for line in ["", "map=lazy", "revector=off"] {
        let near = cost(&behind(0x8000).with_notes().with_command_line(line));
        let far = cost(&behind(1 << 28).with_notes().with_command_line(line));
        let leaves = far.3 - near.3;
        // Two reads a leaf, and some for each table of 512 leaves; a step for each number would be 512 for a leaf.
        assert!(far.0 - near.0 <= leaves * 6, "{line}: {} steps more for {leaves} leaves", far.0 - near.0);
        // An inner page of the tree and a table of the linear P2M for each GiB; and, lazily, the tables of the memory
        // they are in.
        let gibibytes = leaves / 512;
        assert!(far.2.saturating_sub(near.2) <= 2 * gibibytes + 256, "{line}: {} frames", far.2);
        assert!(far.1.saturating_sub(near.1) <= gibibytes / 64, "{line}: {} hypercalls", far.1);
    }
}

/// Returns the one line a boot ends with, and checks that the reason is a missing run of pages.
fn no_run(guest: &GuestConfig) -> String {
    let (built, failure) = guest.build().unwrap().boot().unwrap_err();
    assert!(matches!(failure.cause(), Cause::Mmu(mmu::MmuError::NoRun { .. })), "{failure}");
    audit::references(&built.machine).assert_none();
    failure.to_string()
}

/// The number before the word.
fn number(line: &str, word: &str) -> u64 {
    let (before, _) = line.split_once(word).unwrap();
    before.trim_end().rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_ramdisk_without_a_run_to_go_to_is_told_with_what_helps() {
    let guest = |pages: u64, ramdisk: u64| {
        let guest = GuestConfig::dom0(pages).with_notes().with_ramdisk(Ramdisk::zeros(ramdisk << 12));
        // Most of the ramdisk lies in the hole, and what is free after it is less than the ramdisk.
        GuestConfig { machine_map: map(0x20000, &[(0x3000, 0x9000, RESERVED)]), ..guest }
    };
    let line = no_run(&guest(0x7000, 0x3000));
    assert!(
        line.contains("memory map: the ramdisk at pfn 0x2000..0x5000 lies where the machine has no RAM"),
        "{line}"
    );
    assert!(!line.contains("give the guest more memory"), "{line}");
    let most = number(&line, " pages, or give the guest");
    let more = number(&line, " pages more");
    // A little more than the run lacks, for the tables of the added memory.
    let lacks = 0x3000 - most;
    assert!(more > lacks && more < lacks + lacks / 32 + 100, "{line}");
    assert!(no_run(&guest(0x7000 + lacks - 0x40, 0x3000)).contains("must move"));
    booted(guest(0x7000 + more, 0x3000)).read_ramdisk();
    booted(guest(0x7000, most)).read_ramdisk();
}

#[test]
fn first_tables_without_room_around_the_image_are_told() {
    let guest = GuestConfig { image_start: 4, ..GuestConfig::new(0x1400) };
    let places = guest.build().unwrap().places;
    // All that the builder mapped after its stack.
    let hole = (places.stack + 1, places.end, RESERVED);
    let line = no_run(&GuestConfig { memory_map: map(0x1800, &[hole]), ..guest.clone() });
    assert_eq!(
        line,
        "direct map: the first page tables need a run of 4 pages, the longest is 3 of 3 free pages in pfn 0x1..0x4, below the \
         kernel image, and pfn 0x127..0x400, after it; boot with a smaller ramdisk, or link the kernel for a higher start (linker argument \
         --defsym=xen_guest_physical_start=ADDRESS)"
    );
    // With room after the image there are tables from there.
    let hole = (places.stack + 1, places.end - 4, RESERVED);
    assert!(
        no_run(&GuestConfig { memory_map: map(0x1800, &[hole]), ..guest.clone() }).contains("is 4 of 7 ")
    );
    let hole = (places.stack + 1, places.end - 0x80, RESERVED);
    fully_used(GuestConfig { memory_map: map(0x1800, &[hole]), ..guest.clone() });
    fully_used(guest);
    // There is enough memory, but all of it in pieces.
    let mut holes: Vec<_> = (1..60).map(|piece| (piece * 4, piece * 4 + 1, RESERVED)).collect();
    let guest = GuestConfig { image_start: 4 * 60, ..GuestConfig::dom0(0x6000) };
    let places = guest.build().unwrap().places;
    holes.push((places.stack + 1, places.end, RESERVED));
    let line = no_run(&GuestConfig { machine_map: map(0x9000, &holes), ..guest });
    assert!(line.contains("the longest is 3 of "), "{line}");
}

#[test]
fn a_payload_is_told_whether_memory_or_a_run_is_missing() {
    let mut booted = booted(GuestConfig::new(0x4000));
    let free = booted.running.free();
    let ask = |booted: &mut crate::after::Booted, pages| {
        let len = start_info::PageCount::new(pages);
        booted.running.take_span(len).unwrap_err().to_string()
    };
    let line = ask(&mut booted, free + 1);
    assert!(
        line.ends_with("or give the guest more memory") && line.contains(&format!(" {free} are free;")),
        "{line}"
    );
    let line = ask(&mut booted, free);
    assert!(line.ends_with("ask for shorter runs") && !line.contains("more memory"), "{line}");
    let longest = number(line.split_once("longest is ").unwrap().1.split_once(" free").unwrap().0, " of");
    assert!(longest < free && longest > free / 2, "{line}");
    let len = start_info::PageCount::new(longest);
    let span = booted.running.take_span(len).unwrap();
    assert_eq!(span.len(), len);
}
