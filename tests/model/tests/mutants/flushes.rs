//! Every flush, by the order of hypercalls.
//!
//! *What this is*: what each deed asks of Xen, a letter a call: `U` a list of entry updates, `F` a flush, `V` one mapping with the flush of
//! its address, `R` a new root (which flushes), `P` a pin or its end, `M` memory given back, `Q` a question. A dropped flush is a letter
//! less. Where Xen refuses the flush, the line must say so.

use kit::module::small_module_with_start;
use mmu::{Access, IoAccess, ModulePart};
use p2m::{Entry, Frame};
use start_info::{MapEntry, Mfn, PageCount, Pfn};
use xen_model::{Booted, Call, Guest, MemoryCommand, Ramdisk};

use crate::booted;

/// `MMUEXT_TLB_FLUSH_LOCAL`, `MMUEXT_TLB_FLUSH_ALL`, `MMUEXT_NEW_BASEPTR` (public/xen.h).
const FLUSHES: [u32; 2] = [6, 10];
const NEW_ROOT: u32 = 5;

const fn letter(call: &Call) -> char {
    match call {
        Call::Update { .. } => 'U',
        Call::Extended { first: (command, _), .. } if *command == FLUSHES[0] || *command == FLUSHES[1] => 'F',
        Call::Extended { first: (NEW_ROOT, _), .. } => 'R',
        Call::Extended { .. } => 'P',
        Call::Mapping { .. } => 'V',
        Call::Memory { command: MemoryCommand::DecreaseReservation, .. } => 'M',
        _ => 'Q',
    }
}

/// What a deed asks of Xen.
fn calls<T>(booted: &mut Booted, deed: impl FnOnce(&mut Booted) -> T) -> (String, T) {
    let before = booted.machine().calls();
    let done = deed(booted);
    let count = (booted.machine().calls() - before) as usize;
    let letters: String = booted.machine().trace().iter().map(|traced| letter(&traced.call)).collect();
    assert!(count <= letters.len(), "{count} calls are more than the trace keeps");
    (letters[letters.len() - count..].to_owned(), done)
}

/// What a boot asks of Xen, the last calls of it.
fn boot(guest: &Guest) -> String {
    let booted = guest.build().unwrap().boot().unwrap();
    booted.machine().trace().iter().map(|traced| letter(&traced.call)).collect()
}

fn dom0(hole: (u64, u64), end: u64) -> Guest {
    let entry = |start: u64, end: u64, kind| MapEntry { start: start << 12, len: (end - start) << 12, kind };
    Guest { machine_map: vec![entry(0, end, 1), entry(hole.0, hole.1, 2)], ..Guest::dom0(0x6000) }
}

/// Tables, the guard page apart, which is taken away at entry; the switch; what is released, then shared_info.
#[test]
fn a_boot() {
    assert_eq!(boot(&Guest::new(64 * 256)), "QUUUPRUFFV");
    let own_list = Guest::dom0(0x6000).with_notes();
    assert_eq!(boot(&own_list), "QUUUPRUFUFV");
}

/// The renumbering is flushed before anything else is done, and what goes back to Xen before it goes.
#[test]
fn a_boot_on_a_host_with_a_hole() {
    assert_eq!(boot(&dom0((0xa0, 0x100), 0x9000)), "QUFUUUPRUFFV");
    // Nothing finds another number.
    assert_eq!(boot(&dom0((0xa0, 0x100), 0x6000)), "QUFMUUUPRUFFV");
    let guest = Guest::dom0(0x6000).with_ramdisk(Ramdisk::of(vec![7; 0x3456]));
    let ramdisk = guest.build().unwrap().places.ramdisk.unwrap();
    let map = dom0((ramdisk.start, ramdisk.end), 0x6000).machine_map;
    assert_eq!(boot(&Guest { machine_map: map, ..guest }), "QFUUUPRUFFVUFM");
}

#[test]
fn a_refused_flush_is_told_as_one() {
    for (number, guest) in [(3, dom0((0xa0, 0x100), 0x9000)), (3, dom0((0xa0, 0x100), 0x6000))] {
        let mut built = guest.build().unwrap();
        built.machine.refuse_at(number, mmu::Errno::EINVAL);
        let (_, failure) = built.boot().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "memory map: flushing the TLB: Xen refused operation 0 with EINVAL (-22)"
        );
    }
}

#[test]
fn device_memory_comes_and_goes() {
    let mut booted = dom0((0xa0, 0x100), 0x9000).build().unwrap().boot().unwrap();
    let pages = PageCount::new(0x13);
    let map = |booted: &mut Booted| {
        calls(booted, |booted| booted.running.map_device(Mfn::new(0xa0), pages, IoAccess::ReadWrite).unwrap())
    };
    // An L3, an L2 and an L1 table, one after the other, then the pages.
    let (first, mapped) = map(&mut booted);
    assert_eq!(first, "UUUU");
    assert_eq!(calls(&mut booted, |booted| booted.running.unmap_device(mapped).unwrap()).0, "UF");
    assert_eq!(map(&mut booted).0, "U");
}

#[test]
fn a_module_comes_and_goes() {
    let mut booted = booted();
    let small = small_module_with_start();
    let (load, ()) = calls(&mut booted, |booted| _ = booted.running.load_bytes("small", &small).unwrap());
    // The table; the pages sealed and mapped; those for its start taken away again and made writable.
    assert_eq!(load, "UUFUFUF");
    let (unload, ()) = calls(&mut booted, |booted| booted.running.unload_module("small").unwrap());
    assert_eq!(unload, "UFUF");
}

/// A translation that was not flushed would still let a module's text be written.
#[test]
fn the_pages_of_a_module_are_flushed_when_they_are_sealed() {
    let mut booted = booted();
    let frames: Vec<Frame> = (0..3).map(|_| booted.running.take_frame().unwrap()).collect();
    let (letters, _module) = calls(&mut booted, |booted| {
        let (machine, parts) = booted.running.parts_mut();
        let reservation = parts.window.reserve(PageCount::new(3), 4096).unwrap();
        let pages = [ModulePart { frames, access: Access::Execute }];
        parts.window.map(machine, &mut parts.map, &parts.p2m, reservation, pages).unwrap()
    });
    assert_eq!(letters, "UUF");
}

#[test]
fn a_chunk_that_is_undone_is_flushed() {
    let guest = Guest::new(3000 * 256).with_command_line("map=lazy");
    let mut booted = guest.build().unwrap().boot().unwrap();
    booted.machine_mut().cut_at(1, 5, mmu::Errno::ENOMEM);
    let (letters, grown) = calls(&mut booted, |booted| booted.running.grow());
    assert!(grown.is_err());
    // The list that was cut, what was hooked is unhooked, the tables are made writable again.
    assert_eq!(letters, "UUUF");
    let (letters, grown) = calls(&mut booted, |booted| booted.running.grow());
    assert!(grown.unwrap());
    assert!(letters.chars().all(|letter| letter == 'U'), "{letters}");
}

/// The frames of a chunk that could not be mapped are given back the last first, so that they are taken again in the same order.
#[test]
fn a_chunk_that_is_undone_leaves_the_allocator_as_it_was() {
    let [undisturbed, disturbed] = [false, true].map(|disturbed| {
        let guest = Guest::new(3000 * 256).with_command_line("map=lazy");
        let mut booted = guest.build().unwrap().boot().unwrap();
        if disturbed {
            booted.machine_mut().cut_at(1, 5, mmu::Errno::ENOMEM);
            assert!(booted.running.grow().is_err());
        }
        [0; 40].map(|_| booted.running.take_frame().unwrap().pfn())
    });
    assert_eq!(disturbed, undisturbed);
}

#[test]
fn spaces_come_and_go() {
    let mut booted = booted();
    let (made, space) = calls(&mut booted, |booted| booted.running.new_space().unwrap());
    assert_eq!(made, "UP");
    assert_eq!(calls(&mut booted, |booted| booted.running.enter_space(Some(&space)).unwrap()).0, "R");
    assert_eq!(calls(&mut booted, |booted| booted.running.enter_space(None).unwrap()).0, "R");
    // The end of the pin, then one mapping with its flush.
    assert_eq!(calls(&mut booted, |booted| booted.running.retire_space(space).unwrap()).0, "PV");
}

#[test]
fn an_entry_that_needs_a_leaf() {
    let holes = vec![0x3000..0x3800, 0x3900..0x3901];
    let mut booted = Guest { holes, ..Guest::new(64 * 256) }.build().unwrap().boot().unwrap();
    let set = |booted: &mut Booted| booted.running.set_entry(Pfn::new(0x3123), Entry::Identity).unwrap();
    assert_eq!(calls(&mut booted, set).0, "V");
    assert_eq!(calls(&mut booted, set).0, "");
}
