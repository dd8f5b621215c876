//! A module whose loading or unloading is refused half-way.
//!
//! *What must hold*: what `subject.rs` says; and a module's exit function is called once, whatever is refused
//! afterwards.

use kit::module::{DATA_BYTE, RODATA_BYTE, TEXT_BYTE, small_module, small_module_with_start};
use mmu::{Errno, MmuError, ModulePart};
use start_info::PageCount;
use xen_guest::LoadError;
use xen_model::{GuestConfig, ModelMachine};

use crate::guests::guests;
use crate::subject::{Deed, Leaves, Subject};

const NAME: &str = "small";
/// How many frames the direct map keeps for its growth.
const KEPT: u64 = 515;

fn load(subject: &mut Subject, bytes: &[u8]) -> Result<(), LoadError> {
    let start = subject.booted.running.load_bytes(NAME, bytes)?.region().start();
    check(subject.machine(), start.as_u64());
    Ok(())
}

fn unload(subject: &mut Subject) -> Result<(), LoadError> {
    let ended = subject.machine().modules_ended();
    let result = subject.booted.running.unload_module(NAME);
    assert_eq!(subject.machine().modules_ended(), ended + 1);
    assert!(subject.booted.running.modules().get(NAME).is_none());
    result
}

/// Checks that the module is loaded as its object says, and that each part is protected.
fn check(machine: &ModelMachine, start: u64) {
    let parts = [
        (0, TEXT_BYTE, true, false),
        (1, RODATA_BYTE, false, false),
        (2, DATA_BYTE, false, true),
        (3, 0, false, true),
    ];
    for (page, byte, executable, writable) in parts {
        let leaf = machine.live_leaf(start + page * 4096).unwrap();
        assert_eq!((leaf.executable, leaf.writable), (executable, writable), "page {page}");
        assert_eq!(machine.read(leaf.address), Ok(u64::from_le_bytes([byte; 8])));
    }
}

/// Calls `each` with loading on every guest.
fn each_load(each: impl Fn(&Deed<'_>)) {
    for (name, guest) in guests() {
        let act = |subject: &mut Subject| load(subject, &small_module());
        each(&Deed { name, guest: &guest, prepare: &|_| (), act: &act, leaves: Leaves::Before });
    }
}

fn small() -> GuestConfig {
    GuestConfig { image_start: 0x80, ..GuestConfig::new(0x1233) }
}

#[test]
fn a_load_that_is_refused_or_cut_leaves_all_as_it_was() {
    each_load(|deed| deed.refuse_calls());
}

#[test]
fn a_load_without_a_frame_leaves_all_as_it_was() {
    each_load(|deed| deed.deny_frames());
}

/// A refusal after the call of its init function leaves the module loaded.
#[test]
fn a_load_of_a_module_with_a_start_leaves_all_as_it_was_or_is_done() {
    let guest = small();
    let act = |subject: &mut Subject| load(subject, &small_module_with_start());
    let deed = Deed { name: "start", guest: &guest, prepare: &|_| (), act: &act, leaves: Leaves::Before };
    deed.refuse_calls();
    deed.deny_frames();
}

#[test]
fn an_unload_that_is_refused_or_cut_is_finished_later() {
    for (name, guest) in guests() {
        let prepare = |subject: &mut Subject| load(subject, &small_module_with_start()).unwrap();
        Deed { name, guest: &guest, prepare: &prepare, act: &unload, leaves: Leaves::After }.refuse_calls();
    }
}

/// The frames for its tables and pages lie above what is mapped.
#[test]
fn a_load_for_which_memory_must_be_mapped_first_loses_nothing() {
    let guest = GuestConfig { image_start: 0x80, ..GuestConfig::new((1 << 18) + 0x2345) }
        .with_command_line("map=lazy");
    let hold = |subject: &mut Subject| {
        let running = &mut subject.booted.running;
        let mapped = running.mapped();
        while running.free() > KEPT + 3 {
            subject.held.push(running.take_frame().unwrap());
        }
        assert_eq!(running.mapped(), mapped);
    };
    let act = |subject: &mut Subject| load(subject, &small_module());
    let deed = Deed { name: "grown", guest: &guest, prepare: &hold, act: &act, leaves: Leaves::Grown };
    deed.refuse_calls();
    deed.deny_frames();
    let mut subject = Subject::booted(&guest);
    hold(&mut subject);
    let mapped = subject.booted.running.mapped();
    act(&mut subject).unwrap();
    assert!(subject.booted.running.mapped() > mapped, "no memory had to be mapped");
}

#[test]
fn an_unload_that_is_refused_says_so_and_cannot_be_repeated() {
    let mut subject = Subject::booted(&small());
    let before = subject.state();
    load(&mut subject, &small_module_with_start()).unwrap();
    subject.booted.machine_mut().cut_at(1, 2, Errno::ENOMEM);
    let line = unload(&mut subject).unwrap_err().to_string();
    assert_eq!(
        line,
        "it is unloaded, but 5 pages of it are not given back yet: unmapping a module: Xen refused operation 2 \
         with ENOMEM (-12)"
    );
    assert!(subject.waits());
    let again = subject.booted.running.unload_module(NAME);
    assert_eq!(again, Err(LoadError::NotLoaded));
    assert_eq!(subject.machine().modules_ended(), 1);
    assert_eq!(subject.state(), before);
}

/// Two modules share a table: a module that waits to be unloaded must not take it from one loaded since.
#[test]
fn what_waits_leaves_a_table_alone_that_another_module_needs_by_now() {
    let mut subject = Subject::booted(&small());
    let before = subject.state();
    load(&mut subject, &small_module()).unwrap();
    // All mappings are gone; only the table's hook is left.
    subject.booted.machine_mut().cut_at(1, 4, Errno::ENOMEM);
    let ended = subject.booted.running.unload_module(NAME);
    assert!(matches!(ended, Err(LoadError::Lingers { .. })), "{ended:?}");
    // Xen refuses to unhook it again while the next module is loaded.
    subject.booted.machine_mut().cut_at(1, 0, Errno::ENOMEM);
    let loaded = subject.booted.running.load_bytes("other", &small_module()).unwrap().region();
    check(subject.machine(), loaded.start().as_u64());
    assert!(subject.waits());
    load(&mut subject, &small_module()).unwrap();
    assert!(!subject.waits());
    check(subject.machine(), loaded.start().as_u64());
    subject.audit();
    for name in ["other", NAME] {
        subject.booted.running.unload_module(name).unwrap();
    }
    assert_eq!(subject.state(), before);
}

#[test]
fn pages_too_many_are_given_back() {
    let mut subject = Subject::booted(&small());
    let before = subject.state();
    let frames: Vec<_> = (0..5).map(|_| subject.booted.running.take_frame().unwrap()).collect();
    let (machine, running) = subject.booted.running.parts_mut();
    let reservation = running.window.reserve(PageCount::new(3), 4096).unwrap();
    let parts = [ModulePart { frames, access: mmu::Access::Execute }];
    let error = running.window.map(machine, &mut running.map, &running.p2m, reservation, parts).unwrap_err();
    assert!(matches!(error, MmuError::TooManyPages { more, .. } if more.get() == 2), "{error}");
    assert_eq!(
        error.to_string(),
        "2 pages too many were given for module 0xffffffffa0000000..0xffffffffa0003000"
    );
    assert_eq!(subject.state(), before);
}
