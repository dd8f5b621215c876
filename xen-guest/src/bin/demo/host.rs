//! What the demonstration finds on the host that it owns as dom0: screen, EFI, ACPI.

use alloc::{format, string::String};

use xen_guest::{
    Guest,
    firmware::{EfiFacts, Guid, Name},
};

/// Says what there is. A host may be without each of them; what is there must be right.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), String> {
    let facts = guest.facts();
    if !facts.is_dom0() {
        return Ok(());
    }
    match facts.screen() {
        Some(Ok(screen)) => log::info!("screen: {screen}"),
        Some(Err(error)) => log::warn!("screen: {error}"),
        None => log::info!("no screen"),
    }
    let efi = efi(guest).map_err(|error| format!("EFI: {error}"))?;
    acpi(guest, efi.as_ref())
}

fn efi(guest: &mut Guest) -> Result<Option<EfiFacts>, xen_guest::firmware::Error> {
    let Some(facts) = guest.efi_facts()? else {
        log::info!("no EFI");
        return Ok(None);
    };
    log::info!("{facts}");
    match guest.efi_time()? {
        Some(time) => log::info!("EFI time: {time}"),
        None => log::info!("no EFI time"),
    }
    let name = "BootOrder";
    match guest.efi_variable(&Name::new(name)?, Guid::GLOBAL_VARIABLE)? {
        Some(variable) => log::info!("EFI variable {name}: {variable}"),
        None => log::info!("no EFI variable {name}"),
    }
    Ok(Some(facts))
}

fn acpi(guest: &mut Guest, efi: Option<&EfiFacts>) -> Result<(), String> {
    let found = guest.acpi(efi).map_err(|error| format!("ACPI: {error}"))?;
    let Some((rsdp, tables)) = found else {
        // A BIOS from before ACPI is one; EFI cannot do without.
        return match efi {
            Some(_) => Err(String::from("ACPI: EFI names no RSDP")),
            None => {
                log::info!("no ACPI: no RSDP in the EBDA and in 0xe0000..0x100000");
                Ok(())
            }
        };
    };
    log::info!("ACPI: RSDP {} by {}, {tables}", rsdp.at, rsdp.found);
    for table in tables.as_slice() {
        log::info!("  {table}");
    }
    tables.wrong().map_or(Ok(()), |table| Err(format!("ACPI: {table}")))
}
