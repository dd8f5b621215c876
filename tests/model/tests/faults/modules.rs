//! A module whose loading is refused half-way.
//!
//! *What must hold*: one line says why, Xen's rules hold, and the guest goes on: the next module loads.

use mmu::{Errno, Error, Region};
use xen_guest::{LoadError, Loaded, Running};
use xen_model::{Built, Guest, Machine, audit};

use crate::calls::requests;
use crate::guests::{guests, try_boot};
use crate::object::{DATA, RODATA, TEXT, module};

fn booted(guest: &Guest) -> (Built, Running) {
    let tried = try_boot(&guest.build().unwrap(), |_| {});
    (tried.built, tried.result.unwrap())
}

fn load(built: &mut Built, running: &mut Running) -> Result<Region, LoadError> {
    running.load_module(&mut built.machine, "small", &module(), &[]).map(Loaded::region)
}

/// Checks that the module is there as its object says, and each part is protected.
fn check(machine: &Machine, loaded: Region) {
    let start = loaded.start().as_u64();
    let parts =
        [(0, TEXT, true, false), (1, RODATA, false, false), (2, DATA, false, true), (3, 0, false, true)];
    for (page, byte, executable, writable) in parts {
        let leaf = machine.live_leaf(start + page * 4096).unwrap();
        assert_eq!((leaf.executable, leaf.writable), (executable, writable), "page {page}");
        assert_eq!(machine.read(leaf.address), Ok(u64::from_le_bytes([byte; 8])));
    }
    audit(machine);
}

fn audit(machine: &Machine) {
    audit::references(machine).assert_none();
    audit::protection(machine, 0..0).assert_none();
}

/// Loads a module with something in its way, checks what follows, and loads another one.
fn hindered(name: &str, guest: &Guest, hinder: impl FnOnce(&mut Machine)) -> (Error, usize) {
    let (mut built, mut running) = booted(guest);
    hinder(&mut built.machine);
    let error = load(&mut built, &mut running).unwrap_err();
    let line = error.to_string();
    assert!(!line.contains('\n'), "{name}: {line:?}");
    let len = requests(&built.machine, built.machine.calls() - 1);
    audit(&built.machine);
    let again =
        load(&mut built, &mut running).unwrap_or_else(|error| panic!("{name}: after {line:?}: {error}"));
    check(&built.machine, again);
    match error {
        LoadError::Mmu(error) => (error, len),
        error => panic!("{name}: {error}"),
    }
}

/// Calls `each` with how many hypercalls and frames a module takes.
fn each_guest(mut each: impl FnMut(&str, &Guest, u64, u64)) {
    for (name, guest) in guests() {
        let (mut built, mut running) = booted(&guest);
        let (calls, frames) = (built.machine.calls(), built.machine.frames_asked());
        let loaded = load(&mut built, &mut running).unwrap();
        check(&built.machine, loaded);
        let machine = &built.machine;
        each(name, &guest, machine.calls() - calls, machine.frames_asked() - frames);
    }
}

#[test]
fn every_hypercall_of_a_module_refused_or_cut_once_leaves_a_guest_that_loads_the_next() {
    each_guest(|name, guest, calls, _| {
        assert!(calls >= 2, "{name}: {calls} hypercalls are too few");
        let refused = |call, done, errno: Errno| {
            let (error, len) = hindered(name, guest, |machine| machine.cut_at(call, done, errno));
            let Error::Refused { errno: said, .. } = error else { panic!("{name}: {error}") };
            assert!(said == errno && error.to_string().contains(&errno.to_string()), "{name}: {error}");
            len
        };
        for call in 1..=calls {
            let len = refused(call, 0, Errno::EINVAL);
            refused(call, 0, Errno::ENOMEM);
            refused(call, 0, Errno::EBUSY);
            for done in [1, len / 2, len - 1].into_iter().filter(|done| (1..len).contains(done)) {
                refused(call, done, Errno::ENOMEM);
            }
        }
    });
}

#[test]
fn every_frame_of_a_module_denied_once_leaves_a_guest_that_loads_the_next() {
    each_guest(|name, guest, _, frames| {
        assert!(frames >= 5, "{name}: {frames} frames are too few");
        for n in 1..=frames {
            let (error, _) = hindered(name, guest, |machine| machine.deny_frame_at(n));
            assert!(matches!(error, Error::NoFrames { .. }), "{name}: {error}");
        }
    });
}

/// Growing by a chunk takes frames before it is refused; those are lost, but growing goes on with the others.
#[test]
fn a_refused_growth_of_a_lazy_map_can_be_tried_again() {
    let guest = Guest::new((1 << 18) + 0x2345).with_command_line("map=lazy");
    let (mut whole, mut running) = booted(&guest);
    let calls = whole.machine.calls();
    running.map.grow(&mut whole.machine, &running.p2m).unwrap();
    let calls = whole.machine.calls() - calls;
    for call in 1..=calls {
        for done in [0, 7] {
            let (mut built, mut running) = booted(&guest);
            built.machine.cut_at(call, done, Errno::ENOMEM);
            let error = running.map.grow(&mut built.machine, &running.p2m).unwrap_err();
            assert!(matches!(error, Error::Refused { errno: Errno::ENOMEM, .. }), "{error}");
            audit(&built.machine);
            while running.map.grow(&mut built.machine, &running.p2m).unwrap() {}
            assert_eq!(running.map.mapped().get(), guest.pages);
            audit(&built.machine);
            let loaded = load(&mut built, &mut running).unwrap();
            check(&built.machine, loaded);
        }
    }
}
