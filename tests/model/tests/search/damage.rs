//! The check itself: each fault it looks for is made, against all rules, and must be found.

use mmu::layout::{Bases, KERNEL_MAP};
use start_info::Mfn;
use xen_model::pte::GUEST_KERNEL;
use xen_model::{ModelMachine, Pte};

use crate::action::{Action, Alphabet, Device};
use crate::guests::small;
use crate::invariant::check;
use crate::payload::Payload;
use crate::search::Search;

const WRITABLE: u64 = 2;
/// The bits of an entry that name the frame.
const FRAME: u64 = 0xff_ffff_ffff << 12;
const NO_EXECUTE: u64 = 1 << 63;

/// Returns where the entry of the last level for an address is.
fn slot(machine: &ModelMachine, address: u64) -> (Mfn, usize) {
    let index = |level: u32| (address >> (12 + 9 * (level - 1))) as usize % 512;
    let mut table = machine.root().unwrap();
    for level in [4, 3, 2] {
        table = Pte(machine.peek(table, index(level)).unwrap()).mfn();
    }
    (table, index(1))
}

/// Changes the entry for an address.
fn change(machine: &mut ModelMachine, address: u64, to: impl FnOnce(u64) -> u64) {
    let (table, index) = slot(machine, address);
    let entry = machine.peek(table, index).unwrap();
    machine.poke(table, index, to(entry));
}

fn direct(pfn: u64) -> u64 {
    Bases::FIXED.direct_map().as_u64() + pfn * 4096
}

/// Makes a few calls, does damage, and returns what the check says.
#[track_caller]
fn said(damage: impl FnOnce(&mut ModelMachine, &Payload)) -> String {
    let mut search = Search::of(small(), Alphabet::All, true);
    let calls =
        [Action::Take, Action::Load(0), Action::Ramdisk, Action::Map(Device::SharedInfo), Action::Space];
    let mut payload = search.repeat(&calls);
    assert_eq!(check(search.ledger(), &payload).err(), None);
    let mut machine = payload.subject.machine().clone();
    damage(&mut machine, &payload);
    *payload.subject.machine_mut() = machine;
    let checked = check(search.ledger(), &payload);
    checked.map(drop).unwrap_err()
}

#[track_caller]
fn assert_said(damage: impl FnOnce(&mut ModelMachine, &Payload), words: &str) {
    let line = said(damage);
    assert!(line.contains(words), "{line:?} and not {words:?}");
}

#[test]
fn a_wrong_mapping_is_found() {
    let text = small().guest.image_start;
    assert_said(
        |machine, _| change(machine, direct(text), |entry| entry | WRITABLE),
        "executable by another",
    );
    let constant = text + small().guest.image_pages / 2;
    let lifted =
        |machine: &mut ModelMachine, _: &Payload| change(machine, direct(constant), |entry| entry | WRITABLE);
    assert_said(lifted, "text or constants of the kernel, is mapped writable");
    assert_said(
        |machine, payload| {
            let at = payload.frames[0].address().as_u64();
            change(machine, at, |entry| entry & !NO_EXECUTE);
        },
        "writable and executable",
    );
    assert_said(
        |machine, _| {
            let root = machine.held_pfn(machine.root().unwrap()).unwrap().get();
            change(machine, direct(root), |entry| entry | WRITABLE);
        },
        "a live L4 table is writable",
    );
    assert_said(
        |machine, payload| {
            let start = payload.modules[0].unwrap();
            let mfn = machine.live_leaf(start + 4096).unwrap().pte.mfn();
            let pfn = machine.held_pfn(mfn).unwrap().get();
            change(machine, direct(pfn), |entry| entry | WRITABLE);
        },
        "text or constants of a module, is writable elsewhere",
    );
    let alias = |machine: &mut ModelMachine, payload: &Payload| {
        let frame = machine.held_mfn(payload.frames[0].pfn().get()).unwrap().maddr().get();
        change(machine, Bases::FIXED.io_map().as_u64(), |entry| entry & !FRAME | frame);
    };
    assert_said(alias, "is mapped as");
    let device = machine_frame_behind_the_end();
    let more = |machine: &mut ModelMachine, _: &Payload| {
        change(machine, Bases::FIXED.io_map().as_u64() + 4096, |_| {
            device << 12 | NO_EXECUTE | GUEST_KERNEL | 0x63
        });
    };
    assert_said(more, "which the payload does not hold");
    let guard = |machine: &mut ModelMachine, _: &Payload| {
        change(machine, KERNEL_MAP.as_u64() + text * 4096, |_| 0);
    };
    assert_said(guard, "pages of the image are mapped");
    assert_said(
        |machine, payload| change(machine, payload.frames[0].address().as_u64(), |entry| entry & !WRITABLE),
        "is the payload's and not mapped writable",
    );
    assert_said(
        |machine, _| change(machine, Bases::FIXED.linear_p2m().as_u64(), |entry| entry | WRITABLE),
        "a leaf of the P2M is not read only",
    );
}

fn machine_frame_behind_the_end() -> u64 {
    small().guest.build().unwrap().machine.device_frame().get() + 1
}

#[test]
fn a_space_that_is_not_kept_in_step_is_found() {
    let forgotten = |machine: &mut ModelMachine, payload: &Payload| {
        let root = machine.held_mfn(payload.spaces[0].page().get()).unwrap();
        machine.poke(root, 404, 0);
    };
    assert_said(forgotten, "in slot 404, the first");
}

#[test]
fn contents_that_change_are_found() {
    let spoilt = |machine: &mut ModelMachine, payload: &Payload| {
        let mfn = machine.held_mfn(payload.frames[0].pfn().get()).unwrap();
        machine.poke(mfn, 511, 1);
    };
    assert_said(spoilt, "word 511 of Frame");
    assert_said(
        |machine, _| {
            let mfn = machine.live_leaf(machine.lent().unwrap() + 4096).unwrap().pte.mfn();
            machine.poke(mfn, 9, 1);
        },
        "page 1 of the bytes that were lent has changed",
    );
    assert_said(
        |machine, payload| {
            let mfn = machine.live_leaf(payload.modules[0].unwrap()).unwrap().pte.mfn();
            machine.poke(mfn, 0, 1);
        },
        "page 0 of the module at",
    );
    assert_said(
        |machine, _| {
            let mfn = machine.live_leaf(Bases::FIXED.linear_p2m().as_u64() + 4096).unwrap().pte.mfn();
            machine.poke(mfn, 3, 0x77);
        },
        "pfn 0x203 is Ram(mfn 0x77) in the P2M",
    );
}

#[test]
fn a_page_with_two_owners_is_found() {
    let mut search = Search::of(small(), Alphabet::All, true);
    let mut payload = search.repeat(&[Action::Take]);
    let twin = search.repeat(&[Action::Take]).frames.remove(0);
    payload.frames.push(twin);
    let line = check(search.ledger(), &payload).map(drop).unwrap_err();
    assert!(line.contains("has two owners: Frame and Frame"), "{line}");
}
