//! The payload.

use alloc::{format, string::String};

use start_info::PageCount;
use xen_guest::{
    Guest, Platform, Then, entry,
    sys::{Reason, idle, init_heap, shutdown},
};

use crate::{host, modules, spaces};

entry!(main);

/// The heap: 32 MiB, or a quarter of what is free.
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
    let Guest { xen, running } = guest;
    let len = HEAP.min(PageCount::try_new(running.map.free() / 4).unwrap_or_default());
    let span = running.take_span(xen, len).map_err(|error| format!("heap: {error}"))?;
    init_heap(running.map.view().direct(), span);

    let audit = running.audit(xen).map_err(|error| format!("audit: {error}"))?;
    log::info!("audit: {audit}");
    xen_guest::sys::fail_as_asked(running.setting.facts.command_line());
    spaces::demonstrate(guest)?;
    host::demonstrate(guest)?;
    modules::demonstrate(guest)
}
