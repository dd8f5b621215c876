//! Boots in which Xen refuses something.
//!
//! *What this is*: every hypercall of a small boot refused once, whole and after its first request. The boot must end with
//! the errno in its one line; Xen's rules and counts must hold after it. (That no frame is lost is not looked at yet.)

use mmu::{Errno, Error, Refused};
use xen_guest::{Cause, NoMap};
use xen_model::{Built, Guest, Machine, audit};

fn small() -> [Guest; 3] {
    let guest = Guest { image_start: 0x80, ..Guest::new(0x1000) };
    let dom0 = Guest { image_start: 0x80, ..Guest::dom0(0x1234) };
    [guest.clone(), dom0.with_notes(), guest.with_command_line("revector=off")]
}

fn boots(built: Built) -> (Machine, Result<(), Cause>) {
    match built.boot() {
        Ok(booted) => (booted.machine().clone(), Ok(())),
        Err((built, failure)) => (built.machine, Err(failure.cause().clone())),
    }
}

#[test]
fn every_refusal_ends_the_boot_with_its_errno_and_breaks_nothing() {
    for guest in small() {
        let built = guest.build().unwrap();
        let (after, booted) = boots(built.clone());
        booted.unwrap();
        let calls = after.calls();
        assert!(calls > 5, "{calls} hypercalls are too few to be a boot");
        for call in 1..=calls {
            for done in [0, 1, 2, 100] {
                let mut built = built.clone();
                built.machine.cut_at(call, done, Errno::ENOMEM);
                let (machine, booted) = boots(built);
                match booted {
                    Err(
                        Cause::Mmu(Error::Refused(Refused { errno, .. }))
                        | Cause::NoMap(NoMap::Refused(errno)),
                    ) => {
                        assert_eq!(errno, Errno::ENOMEM);
                    }
                    // A call of fewer requests is not cut.
                    Ok(()) => assert!(done > 0 && machine.refused() == 0, "call {call} was not missed"),
                    other => panic!("call {call} of {calls}: {other:?}"),
                }
                audit::references(&machine).assert_none();
                audit::protection_of_tables(&machine).assert_none();
            }
        }
    }
}
