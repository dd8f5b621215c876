//! The payload.

use alloc::{format, string::String};

use start_info::PageCount;
use xen_guest::{
    Guest, Then, entry,
    sys::{Reason, idle, shutdown},
};

use crate::{host, modules, spaces};

entry!(main);

/// The heap: 32 MiB, or a quarter of what is free.
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
    let len = HEAP.min(PageCount::try_new(guest.free() / 4).unwrap_or_default());
    guest.init_heap(len).map_err(|error| format!("heap: {error}"))?;
    let audit = guest.audit().map_err(|error| format!("audit: {error}"))?;
    log::info!("audit: {audit}");
    spaces::demonstrate(guest)?;
    host::demonstrate(guest)?;
    modules::demonstrate(guest)
}
