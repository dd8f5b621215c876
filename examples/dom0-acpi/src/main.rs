//! As dom0: what firmware left on the host. `cargo run --release` boots this kernel in place of Linux.

#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use xen_guest::{
    Guest, PageCount, entry,
    firmware::FirmwareError,
    log,
    sys::{Reason, shutdown},
};

entry!(main);

fn main(mut guest: Guest) -> ! {
    match run(&mut guest) {
        Ok(true) => log::info!("verdict: SUCCESS"),
        Ok(false) => log::info!("verdict: FAILURE the host has no ACPI"),
        Err(error) => log::info!("verdict: FAILURE {error}"),
    }
    shutdown(Reason::Poweroff)
}

fn run(guest: &mut Guest) -> Result<bool, FirmwareError> {
    if let Err(error) = guest.heap(PageCount::new(1024)) {
        log::warn!("no heap: {error}");
    }
    if let Some(screen) = guest.facts().screen() {
        match screen {
            Ok(screen) => log::info!("screen: {screen}"),
            Err(error) => log::warn!("screen: {error}"),
        }
    }
    let efi = guest.efi_facts()?;
    match &efi {
        Some(facts) => log::info!("{facts}"),
        None => log::info!("started by a BIOS"),
    }
    let Some((rsdp, tables)) = guest.acpi(efi.as_ref())? else { return Ok(false) };
    log::info!("RSDP {} by {}, {tables}", rsdp.at, rsdp.found);
    for table in tables.as_slice() {
        log::info!("  {table}");
    }
    Ok(true)
}
