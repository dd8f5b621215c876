//! The payload.

use alloc::{format, string::String};

use start_info::PageCount;
use xen_guest::{
    Guest, Then, entry,
    sys::{Reason, idle, shutdown},
};

use crate::{host, modules, spaces};

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
        log::info!("{}", guest.report().json());
        if !modules.loaded().is_empty() {
            log::info!("{}", modules.json());
        }
    }
    match &verdict {
        Ok(()) => log::info!("verdict: SUCCESS"),
        Err(reason) => log::info!("verdict: FAILURE {reason}"),
    }
    match options.then {
        Then::Poweroff => shutdown(Reason::Poweroff),
        Then::Reboot => shutdown(Reason::Reboot),
        Then::Crash => shutdown(Reason::Crash),
        Then::Idle => idle(),
    }
}

fn demonstrate(guest: &mut Guest) -> Result<(), String> {
    let len = heap_pages(guest).map_err(|error| format!("heap: {error}"))?;
    guest.init_heap(len).map_err(|error| format!("heap: {error}"))?;
    let audit = guest.audit().map_err(|error| format!("audit: {error}"))?;
    log::info!("audit: {audit}");
    spaces::demonstrate(guest)?;
    host::demonstrate(guest)?;
    modules::demonstrate(guest)
}

/// Returns how large the heap is to be. That depends on the guest's memory, and not on how much of it happens to be mapped:
/// more is mapped until the answer cannot change.
fn heap_pages(guest: &mut Guest) -> Result<PageCount, mmu::Error> {
    while guest.free() / 4 < HEAP.get() && guest.grow()? {}
    Ok(HEAP.min(PageCount::clamped(guest.free() / 4)))
}
