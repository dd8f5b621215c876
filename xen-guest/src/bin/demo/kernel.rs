//! The payload.

use xen_guest::{
    Guest, HeapError, MmuError, PageCount, Then, Value, entry, log,
    sys::{Reason, shutdown},
};

use crate::{failed::Failed, host, idle::idle, mapped, modules, processor, report::report, spaces};

entry!(main);

/// The heap: 32 MiB, or a quarter of the guest's free memory.
const HEAP: PageCount = PageCount::new(8192);

fn main(mut guest: Guest) -> ! {
    let verdict = demonstrate(&mut guest);
    let options = guest.options();
    log::info!("{}", guest.picture());
    log::info!("{}", guest.report());
    log::info!("hypercalls: {} made, {} refused", guest.hypercalls(), guest.refused());
    let modules = guest.modules();
    if !modules.loaded().is_empty() {
        log::info!("{modules}");
    }
    if options.json {
        if !modules.loaded().is_empty() {
            log::info!("{}", modules.json());
        }
        log::info!("{}", guest.picture().json());
        let calls =
            [("made", Value::Number(guest.hypercalls())), ("refused", Value::Number(guest.refused()))];
        report(&guest, "hypercalls", &calls);
        if let Err(failed) = &verdict {
            failed.fact(&guest, "failure");
        }
    }
    match &verdict {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(failed) => log::info!("verdict: FAILURE {}", failed.words),
    }
    match options.then {
        Then::Poweroff => shutdown(Reason::Poweroff),
        Then::Reboot => shutdown(Reason::Reboot),
        Then::Crash => shutdown(Reason::Crash),
        Then::Idle => idle(&mut guest),
    }
}

fn demonstrate(guest: &mut Guest) -> Result<(), Failed> {
    let len = heap_pages(guest).map_err(|error| Failed::by("heap", &error))?;
    guest.heap(len).map_err(|error| Failed::by("heap", &error))?;
    // It has one piece of memory. A second is refused, and not lost.
    let free = guest.free();
    if !matches!(guest.heap(PageCount::new(1)), Err(HeapError::Again { .. })) || guest.free() != free {
        return Err(Failed::because("heap", "it took memory a second time"));
    }
    let audit = guest.audit().map_err(|error| Failed::by("audit", &error))?;
    log::info!("audit: {audit}");
    let fields = [
        ("confirmed", Value::Number(audit.ram)),
        ("missing", Value::Number(audit.missing)),
        ("identity", Value::Number(audit.identity)),
        ("foreign", Value::Number(audit.foreign)),
    ];
    report(guest, "audit", &fields);
    processor::demonstrate(guest);
    spaces::demonstrate(guest)?;
    mapped::demonstrate(guest)?;
    host::demonstrate(guest)?;
    modules::demonstrate(guest)
}

/// Returns how large the heap is to be. That depends on the guest's memory, and not on how much of it happens to be mapped:
/// more is mapped until the answer cannot change.
fn heap_pages(guest: &mut Guest) -> Result<PageCount, MmuError> {
    while guest.free() / 4 < HEAP.get() && guest.grow()? {}
    Ok(HEAP.min(PageCount::clamped(guest.free() / 4)))
}
