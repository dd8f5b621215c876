//! Every flush of a payload's actions, by the order of their hypercalls.
//!
//! *What this is*: the hypercalls of each action, one letter each (`Trace::letters`). A dropped flush is a missing
//! letter.

use kit::module::small_module_with_start;
use mmu::{Access, IoAccess, ModulePart};
use p2m::{Frame, P2mEntry};
use start_info::{Mfn, PageCount, Pfn};
use xen_model::{Booted, GuestConfig};

use crate::{booted, dom0};

/// The hypercalls of an action.
fn calls<T>(booted: &mut Booted, deed: impl FnOnce(&mut Booted) -> T) -> (String, T) {
    let before = booted.machine().calls();
    let done = deed(booted);
    let count = (booted.machine().calls() - before) as usize;
    let letters = booted.machine().trace().letters();
    assert!(count <= letters.len(), "{count} calls are more than the trace keeps");
    (letters[letters.len() - count..].to_owned(), done)
}

#[test]
fn device_memory_comes_and_goes() {
    let mut booted = dom0(0x6000).build().unwrap().boot().unwrap();
    let pages = PageCount::new(0x13);
    let map = |booted: &mut Booted| {
        calls(booted, |booted| booted.running.map_device(Mfn::new(0xa0), pages, IoAccess::ReadWrite).unwrap())
    };
    // An L3, an L2 and an L1 table with one call, then the pages.
    let (first, mapped) = map(&mut booted);
    assert_eq!(first, "UU");
    assert_eq!(calls(&mut booted, |booted| booted.running.unmap_device(mapped).unwrap()).0, "UF");
    assert_eq!(map(&mut booted).0, "U");
}

#[test]
fn a_module_comes_and_goes() {
    let mut booted = booted();
    let small = small_module_with_start();
    let (load, ()) = calls(&mut booted, |booted| _ = booted.running.load_bytes("small", &small).unwrap());
    // The table; the pages sealed and mapped; those for its start unmapped and made writable again.
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

/// Between executing a page and writing to it, and between a page and its owner, lies a flush.
#[test]
fn pages_of_the_payload_change_their_protection() {
    let mut booted = booted();
    let frames: Vec<Frame> = (0..3).map(|_| booted.running.take_frame().unwrap()).collect();
    let map = |booted: &mut Booted| booted.running.map(frames, Access::Execute).unwrap();
    let (letters, mut pages) = calls(&mut booted, map);
    // Three tables; the pages sealed and mapped.
    assert_eq!(letters, "UUF");
    let mut protect =
        |access| calls(&mut booted, |booted| booted.running.protect(&mut pages, access).unwrap()).0;
    assert_eq!(protect(Access::Read), "UF");
    // No page can be executed: only a flush. Then writable at __va, then here.
    assert_eq!(protect(Access::ReadWrite), "FUFUF");
    assert_eq!(protect(Access::Execute), "UF");
    assert_eq!(protect(Access::ReadWrite), "UFUFUF");
    let (letters, _frames) = calls(&mut booted, |booted| booted.running.unmap(pages).unwrap());
    assert_eq!(letters, "UFUF");
}

#[test]
fn a_chunk_that_is_undone_is_flushed() {
    let guest = GuestConfig::new(3000 * 256).with_command_line("map=lazy");
    let mut booted = guest.build().unwrap().boot().unwrap();
    booted.machine_mut().cut_at(1, 5, mmu::Errno::ENOMEM);
    let (letters, grown) = calls(&mut booted, |booted| booted.running.grow());
    assert!(grown.is_err());
    // The list that was cut; what was hooked is unhooked; the tables are made writable again.
    assert_eq!(letters, "UUUF");
    let (letters, grown) = calls(&mut booted, |booted| booted.running.grow());
    assert!(grown.unwrap());
    assert!(letters.chars().all(|letter| letter == 'U'), "{letters}");
}

/// The frames of a chunk that could not be mapped are given back last first, so they are taken again in the same order.
#[test]
fn a_chunk_that_is_undone_leaves_the_allocator_as_it_was() {
    let [undisturbed, disturbed] = [false, true].map(|disturbed| {
        let guest = GuestConfig::new(3000 * 256).with_command_line("map=lazy");
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
    // The unpin, then one mapping with its flush.
    assert_eq!(calls(&mut booted, |booted| booted.running.retire_space(space).unwrap()).0, "PV");
}

#[test]
fn an_entry_that_needs_a_leaf() {
    let holes = vec![0x3000..0x3800, 0x3900..0x3901];
    let mut booted = GuestConfig { holes, ..GuestConfig::new(64 * 256) }.build().unwrap().boot().unwrap();
    let set = |booted: &mut Booted| booted.running.set_entry(Pfn::new(0x3123), P2mEntry::Identity).unwrap();
    assert_eq!(calls(&mut booted, set).0, "V");
    assert_eq!(calls(&mut booted, set).0, "");
}
