//! The payload.

use alloc::{format, string::String};

use start_info::PageCount;
use xen_guest::{
    Guest, Platform, Then, entry,
    sys::{Reason, idle, init_heap, shutdown},
};

use crate::{host, modules, spaces};

entry!(main);

/// The heap: 32 MiB, or a quarter of the guest's free memory.
const HEAP: PageCount = PageCount::new(8192);

fn main(mut guest: Guest) -> ! {
    let verdict = demonstrate(&mut guest);
    log::info!("{}", guest.running.picture());
    let setting = &guest.running.setting;
    log::info!("{}", setting.report);
    log::info!("hypercalls: {} made, {} refused", guest.xen.hypercalls(), guest.xen.refused());
    let modules = &guest.running.modules;
    if !modules.loaded().is_empty() {
        log::info!("{modules}");
    }
    if setting.options.json {
        log::info!("{}", setting.report.json());
        if !modules.loaded().is_empty() {
            log::info!("{}", modules.json());
        }
    }
    match &verdict {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(reason) => log::info!("verdict: FAILURE {reason}"),
    }
    match setting.options.then {
        Then::Poweroff => shutdown(Reason::Poweroff),
        Then::Reboot => shutdown(Reason::Reboot),
        Then::Crash => shutdown(Reason::Crash),
        Then::Idle => idle(),
    }
}

fn demonstrate(guest: &mut Guest) -> Result<(), String> {
    let len = heap_pages(guest).map_err(|error| format!("heap: {error}"))?;
    let Guest { xen, running } = guest;
    let span = running.take_span(xen, len).map_err(|error| format!("heap: {error}"))?;
    init_heap(running.map.view().direct(), span);

    let audit = running.audit(xen).map_err(|error| format!("audit: {error}"))?;
    log::info!("audit: {audit}");
    xen_guest::sys::fail_as_asked(running.setting.facts.command_line());
    spaces::demonstrate(guest)?;
    host::demonstrate(guest)?;
    modules::demonstrate(guest)
}

/// Returns how large the heap is to be. That depends on the guest's memory, and not on how much of it happens to be mapped:
/// more is mapped until the answer cannot change.
fn heap_pages(guest: &mut Guest) -> Result<PageCount, mmu::Error> {
    let Guest { xen, running } = guest;
    while running.map.free() / 4 < HEAP.get() && running.map.grow(xen, &running.p2m)? {}
    Ok(HEAP.min(PageCount::try_new(running.map.free() / 4).unwrap_or_default()))
}
