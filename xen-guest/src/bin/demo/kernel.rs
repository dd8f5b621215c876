//! The payload.

extern crate alloc;

use alloc::{format, string::String};

use start_info::PageCount;
use xen_guest::{
    Guest, Platform, Then, entry,
    module::{Archive, find},
    sys::{Reason, exports, idle, init_heap, shutdown, start_module},
};

entry!(main);

/// The heap: 4 MiB, or a quarter of what is free.
const HEAP: PageCount = PageCount::new(1024);

fn main(mut guest: Guest) -> ! {
    let verdict = demonstrate(&mut guest);
    log::info!("{}", guest.running.picture());
    let setting = &guest.running.setting;
    log::info!("{}", setting.report);
    log::info!("hypercalls: {} made, {} refused", guest.xen.hypercalls(), guest.xen.refused());
    if setting.options.json {
        log::info!("{}", setting.report.json());
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
    load_modules(guest)
}

fn load_modules(guest: &mut Guest) -> Result<(), String> {
    let Guest { xen, running } = guest;
    let wanted = String::from(running.setting.facts.command_line().value_of("modules").unwrap_or("all"));
    if wanted == "none" {
        return Ok(());
    }
    let ramdisk = running.ramdisk(xen).map_err(|error| format!("ramdisk: {error}"))?;
    let ramdisk = ramdisk.ok_or("ramdisk: there is none; give the guest one that holds modules/NAME.ko")?;
    let archive = Archive::new(ramdisk).map_err(|error| format!("ramdisk: {error}"))?;
    let names = archive.modules().iter().map(|module| module.name);
    let names: alloc::vec::Vec<&str> =
        if wanted == "all" { names.collect() } else { wanted.split(',').collect() };
    if names.is_empty() {
        return Err(String::from("modules: the ramdisk holds no modules/NAME.ko"));
    }
    for name in names {
        let module = archive.module(name).map_err(|error| format!("module {name}: {error}"))?;
        let loaded = running
            .load_module(xen, name, module.bytes, &|symbol| find(exports(), symbol))
            .map_err(|error| format!("module {name}: {error}"))?;
        log::info!("module {name}: {}", loaded.region());
        match start_module(&loaded) {
            0 => {}
            code => return Err(format!("module {name}: its init returned {code}")),
        }
    }
    Ok(())
}
