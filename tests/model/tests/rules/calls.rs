//! Hypercalls that are not about tables, and multicalls.

use mmu::{Errno, Partial};
use xen_model::{GuestConfig, Hypercall, ModelMachine};

use crate::guest::{BASE, RO, RW, Small};

const NOT_CANONICAL: u64 = 0x8000_0000_0000;

fn dom0() -> ModelMachine {
    GuestConfig::dom0(64 << 8).build().unwrap().machine
}

#[test]
fn every_entry_of_a_multicall_has_its_own_result_and_none_stops_the_others() {
    let mut small = Small::new();
    let table = small.table(&[]);
    let mfn = small.mfn(table);
    let (good, bad) = (small.entry(0x90, RO), small.entry(table, RW));
    let before = small.machine.calls();
    let results = small.machine.multicall(vec![
        Hypercall::MmuextOp(&[(0, mfn.get(), 0)]),
        Hypercall::UpdateVaMapping(BASE + table * 4096, bad),
        Hypercall::MmuUpdate(&[(mfn.maddr().get(), good), (mfn.maddr().get() + 8, bad)]),
        Hypercall::Multicall,
        Hypercall::Other(63),
        Hypercall::MemoryOp(3),
        Hypercall::UpdateVaMapping(BASE, 0),
    ]);
    let pages = small.machine.pages() as i64;
    assert_eq!(results, Ok(vec![0, -16, -16, -22, -38, pages, 0]));
    assert_eq!((small.machine.calls(), small.machine.refused()), (before + 1, 0));
    assert_ne!(small.machine.peek(mfn, 0), Some(0), "what came before the refusal in an entry is done");
    assert!(small.machine.read(BASE).is_err());
    assert_eq!(small.machine.multicall(Vec::new()), Ok(Vec::new()));
    xen_model::audit::references(&small.machine).assert_none();
}

#[test]
fn a_test_can_have_an_entry_of_a_multicall_refused() {
    let mut small = Small::new();
    small.machine.cut_at(1, 1, Errno::ENOMEM);
    let entries = || vec![Hypercall::SchedOp(0, 0), Hypercall::SchedOp(0, 0), Hypercall::SchedOp(0, 0)];
    assert_eq!(small.machine.multicall(entries()), Ok(vec![0, -12, 0]));
    assert_eq!(small.machine.multicall(entries()), Ok(vec![0, 0, 0]));
}

#[test]
fn hypercalls_and_commands_that_are_not_there_are_refused() {
    let mut small = Small::new();
    for call in [
        Hypercall::Other(11),
        Hypercall::Other(38),
        Hypercall::Other(47),
        Hypercall::Other(50),
        Hypercall::Other(u32::MAX),
        Hypercall::MemoryOp(8),
        Hypercall::MemoryOp(63),
        Hypercall::SchedOp(8, 0),
        Hypercall::VcpuOp(14, 0, 0),
        Hypercall::EventChannelOp(15, 0),
    ] {
        let text = format!("{call:?}");
        assert_eq!(small.machine.hypercall(call), -38, "{text}");
    }
}

#[test]
#[should_panic(expected = "which the model does not know")]
fn a_domain_that_the_model_lacks_ends_the_test() {
    let _never = dom0().update_entries_for(0x7ff1, &[]);
}

#[test]
#[should_panic(expected = "a call the model does not know: None 17")]
fn a_call_that_xen_has_and_the_model_has_not_ends_the_test() {
    dom0().hypercall(Hypercall::Other(17));
}

#[test]
#[should_panic(expected = "a call the model does not know: MemoryOp 7")]
fn a_command_that_xen_has_and_the_model_has_not_ends_the_test() {
    dom0().hypercall(Hypercall::MemoryOp(7));
}

#[test]
fn xens_console_is_dom0s() {
    let mut small = Small::new();
    assert_eq!([0, 1, 9].map(|command| small.machine.hypercall(Hypercall::ConsoleIo(command, "x"))), [-1; 3]);
    let mut dom0 = dom0();
    assert_eq!([0, 1, 9].map(|command| dom0.hypercall(Hypercall::ConsoleIo(command, "x"))), [0, 0, -38]);
    assert_eq!((dom0.xens_console(), dom0.console()), ("x", ""));
}

#[test]
fn traps_are_set_up_to_the_first_bad_one() {
    let mut small = Small::new();
    let traps = [(3, BASE), (14, BASE + 8), (15, NOT_CANONICAL), (16, BASE), (0, 0)];
    assert_eq!(small.machine.set_trap_table(Some(&traps)), Err(Errno::EINVAL));
    let handlers = |small: &Small| [3, 14, 15, 16, 17].map(|vector| small.machine.trap_handler(vector));
    assert_eq!(handlers(&small), [Some(BASE), Some(BASE + 8), None, None, None]);
    // The end counts, not the list.
    small.machine.set_trap_table(Some(&[(3, 1), (0, 0), (17, BASE)])).unwrap();
    assert_eq!(handlers(&small), [Some(1), Some(BASE + 8), None, None, None]);
    assert_eq!(small.machine.set_trap_table(Some(&[(3, 1)])), Err(Errno::EFAULT));
    small.machine.set_trap_table(None).unwrap();
    assert_eq!(handlers(&small), [None; 5]);
}

#[test]
fn the_one_processor_is_up_and_there_is_no_other() {
    let mut small = Small::new();
    let mut vcpu =
        |command, processor, argument| small.machine.processor_operation(command, processor, argument);
    assert_eq!((vcpu(3, 0, 0), vcpu(7, 0, 0), vcpu(9, 0, 0), vcpu(1, 0, 0)), (Ok(1), Ok(0), Ok(0), Ok(0)));
    for command in [3, 7, 99] {
        assert_eq!(vcpu(command, 1, 0), Err(Errno(2)), "{command}");
    }
    assert_eq!((vcpu(6, 0, 999_999), vcpu(6, 0, 1_000_000)), (Err(Errno::EINVAL), Ok(0)));
    assert_eq!((vcpu(0, 0, 0), vcpu(12, 0, 0)), (Err(Errno(17)), Err(Errno::EINVAL)));
    vcpu(2, 0, 0).unwrap();
    assert_eq!(small.machine.shutdown_reason(), Some(0), "the last processor went down");
}

#[test]
fn a_guest_yields_waits_and_ends() {
    let mut small = Small::new();
    let mut sched =
        |command, reason| (small.machine.sched_operation(command, reason), small.machine.shutdown_reason());
    assert_eq!(sched(0, 3), (Ok(()), None));
    assert_eq!(sched(2, 0x103), (Ok(()), Some(3)));
    assert_eq!((small.machine.poll(&[2; 128]), small.machine.poll(&[])), (Ok(()), Ok(())));
    assert_eq!(small.machine.poll(&[2; 129]), Err(Errno::EINVAL));
    assert_eq!((small.machine.poll(&[63]), small.machine.poll(&[2, 64])), (Ok(()), Err(Errno::EINVAL)));
}

#[test]
fn an_event_is_sent_to_an_open_port() {
    let mut small = Small::new();
    let ports = [0, 1, 2, 3, 4000];
    assert_eq!(
        ports.map(|port| small.machine.hypercall(Hypercall::EventChannelOp(4, port))),
        [-22, 0, 0, -22, -22]
    );
    let mut dom0 = dom0();
    assert_eq!(ports.map(|port| dom0.hypercall(Hypercall::EventChannelOp(4, port))), [-22; 5]);
}

#[test]
fn updates_are_made_for_oneself() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    let (at, entry) = (small.mfn(table).maddr().get(), small.entry(0x90, RO));
    let mut update = |domain| small.machine.update_entries_for(domain, &[(at, entry)]);
    assert_eq!(update(0x7ff4), Err(Partial { done: 0, errno: Errno(3) }));
    assert_eq!((update(99).is_err(), update(0x7ff0)), (true, Ok(())));
}

#[test]
fn a_list_of_updates_is_read_through_the_guests_tables() {
    let mut small = Small::new();
    let table = small.table(&[]);
    small.pin(1, table).unwrap();
    let (at, entry) = (small.mfn(table).maddr().get(), small.entry(0x90, RO));
    // The last request on a page that is followed by an unmapped one.
    small.set(0x90, 510, at);
    small.set(0x90, 511, entry);
    small.machine.update_address(BASE + 0x91 * 4096, 0).unwrap();
    let list = BASE + 0x90 * 4096 + 510 * 8;
    let fault = |done| Err(Partial { done, errno: Errno::EFAULT });
    assert_eq!(small.machine.update_entries_at(list, 2), fault(1));
    assert_ne!(small.machine.peek(small.mfn(table), 0), Some(0));
    assert_eq!(small.machine.update_entries_at(list, 1), Ok(()));
    for address in [0x1000, 0xffff_8800_0000_0000 - 16, 0xffff_8000_0000_0000, NOT_CANONICAL] {
        assert_eq!(small.machine.update_entries_at(address, 1), fault(0), "{address:#x}");
    }
}
