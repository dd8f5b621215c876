//! Hypercalls refused, and lists cut short.

use mmu::{Errno, MmuError, Refused};
use xen_guest::{Cause, NoMap};
use xen_model::{Built, GuestConfig, MemoryCommand, ModelMachine, Ramdisk, TracedCall};

use crate::guests::guests;
use crate::host::{RESERVED, map};
use crate::tried::try_boot;

/// The most calls that it takes to undo a chunk of the direct map: two to unhook its tables, three to make them
/// writable, a flush.
const MOST_UNDOING: u64 = 6;
const ERRNOS: [Errno; 3] = [Errno::EINVAL, Errno::ENOMEM, Errno::EBUSY];

/// Returns how many requests hypercall `number` had, if it is among the last.
pub(crate) fn requests(machine: &ModelMachine, number: u64) -> usize {
    let traced = machine.trace().iter().find(|traced| traced.number == number).unwrap();
    match traced.call {
        TracedCall::Update { count, .. } | TracedCall::Extended { count, .. } => count,
        // One request, with room for that many lines.
        TracedCall::Memory {
            command: MemoryCommand::MemoryMap | MemoryCommand::MachineMemoryMap, ..
        } => 1,
        TracedCall::Memory { count, .. } | TracedCall::Multicall { count } => count,
        TracedCall::Plain { .. }
        | TracedCall::Mapping { .. }
        | TracedCall::Gdt { .. }
        | TracedCall::Descriptor { .. } => 1,
    }
}

/// Boots with hypercall `call` stopped after `done` requests, and returns how many it has.
fn stopped(name: &str, built: &Built, call: u64, done: usize, errno: Errno) -> usize {
    let tried = try_boot(built, |built| built.machine.cut_at(call, done, errno));
    let line = tried.line().unwrap_or_else(|| panic!("{name}: call {call} was refused and not missed"));
    // Of memory that is given back Xen says only how much it took, and no error.
    let is_count = line.ends_with("error -0") && line.contains(": giving memory back to Xen: ");
    let errno = if is_count { Errno(0) } else { errno };
    assert!(line.contains(&errno.to_string()), "{name}: {line:?} does not name {errno}");
    let cause = tried.result.as_ref().unwrap_err().1.cause();
    let (Cause::Mmu(MmuError::Refused(Refused { errno: said, .. }))
    | Cause::NoMap(NoMap::Refused(said))
    | Cause::Events(said)) = *cause
    else {
        panic!("{name}: {line}");
    };
    assert_eq!(said, errno);
    let machine = tried.machine();
    let call = built.machine.calls() + call;
    let more = machine.calls() - call;
    assert!(
        machine.refused() == u64::from(!is_count) && more <= MOST_UNDOING,
        "{name}: {line}: it went on with {more} calls"
    );
    tried.audit();
    requests(machine, call - 1)
}

/// Guests on hosts that have holes under parts of the image, and under what follows it.
pub(crate) fn over_holes() -> [(&'static str, GuestConfig); 4] {
    let ramdisk = Ramdisk::of((0..0x3210_u32).map(|i| (i * 3) as u8).collect());
    let map = |holes: &[(u64, u64)]| {
        let holes: Vec<_> = holes.iter().map(|&(start, end)| (start, end, RESERVED)).collect();
        map(0x3000, &holes)
    };
    let domu = GuestConfig { image_start: 0x80, ..GuestConfig::new(0x1357) };
    let dom0 = GuestConfig { image_start: 0x80, ..GuestConfig::dom0(0x1357) }.with_ramdisk(ramdisk);
    let end = dom0.build().unwrap().places.end;
    [
        ("domU over holes", GuestConfig { memory_map: map(&[(0x82, 0x8a), (0x110, 0x190)]), ..domu.clone() }),
        (
            "domU over a hole, revector=off",
            GuestConfig { memory_map: map(&[(0x80, 0x1a3)]), ..domu }.with_command_line("revector=off"),
        ),
        ("dom0 over a hole", GuestConfig { machine_map: map(&[(0x91, end - 0x20)]), ..dom0.clone() }),
        (
            "dom0 over holes with the notes, lazy",
            GuestConfig { machine_map: map(&[(0x80, 0x81), (0x1a2, 0x1b0)]), ..dom0 }
                .with_notes()
                .with_command_line("map=lazy"),
        ),
    ]
}

/// Calls `each` with every hypercall of every guest's boot.
fn each_call(mut each: impl FnMut(&str, &GuestConfig, &Built, u64)) {
    for (name, guest) in guests().into_iter().chain(over_holes()) {
        let built = guest.build().unwrap();
        let booted = try_boot(&built, |_| {});
        assert_eq!(booted.line(), None, "{name}");
        booted.audit();
        // An image that slid has made calls before the boot.
        let calls = booted.machine().calls() - built.machine.calls();
        assert!(calls >= 5, "{name}: {calls} hypercalls are too few to be a boot");
        (1..=calls).for_each(|call| each(name, &guest, &built, call));
    }
}

#[test]
fn every_hypercall_refused_once_ends_the_boot_with_one_line_and_breaks_nothing() {
    each_call(|name, _, built, call| {
        for errno in ERRNOS {
            stopped(name, built, call, 0, errno);
        }
    });
}

#[test]
fn every_list_cut_once_ends_the_boot_with_one_line_and_breaks_nothing() {
    let mut cut = 0;
    each_call(|name, _, built, call| {
        let len = stopped(name, built, call, 0, Errno::EINVAL);
        for (place, done) in [1, len / 2, len - 1].into_iter().enumerate() {
            if (1..len).contains(&done) {
                let again = stopped(name, built, call, done, ERRNOS[place]);
                assert_eq!(again, len);
                cut += 1;
            }
        }
    });
    assert!(cut > 20, "only {cut} lists were long enough to be cut");
}
