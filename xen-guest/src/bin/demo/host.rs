//! What the demonstration finds on the host that it owns as dom0: screen, EFI, ACPI.

use alloc::format;

use xen_guest::{
    Guest, Screen, Value,
    firmware::{AcpiTables, EfiFacts, FirmwareError, Guid, Rsdp, VariableName},
    log,
};

use crate::{failed::Failed, report::report};

/// Says what there is. A host may be without each of them; what is there must be right.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), Failed> {
    let facts = guest.facts();
    if !facts.is_dom0() {
        return Ok(());
    }
    match facts.screen() {
        Some(Ok(screen)) => {
            log::info!("screen: {screen}");
            report_screen(guest, &screen);
        }
        Some(Err(error)) => log::warn!("screen: {error}"),
        None => log::info!("no screen"),
    }
    let efi = efi(guest).map_err(|error| Failed::by("EFI", &error))?;
    acpi(guest, efi.as_ref())
}

fn report_screen(guest: &Guest, screen: &Screen) {
    let number = |number: u16| Value::Number(number.into());
    match screen {
        Screen::Text(text) => {
            let (columns, rows, height) = (number(text.columns), number(text.rows), number(text.font_height));
            report(guest, "text screen", &[("columns", columns), ("rows", rows), ("font_height", height)]);
        }
        Screen::Graphics(graphics) => {
            let (width, height) = (number(graphics.width), number(graphics.height));
            let mode = Value::Source(&graphics.mode);
            report(guest, "frame buffer", &[("mode", mode), ("width", width), ("height", height)]);
        }
    }
}

fn efi(guest: &mut Guest) -> Result<Option<EfiFacts>, FirmwareError> {
    let Some(facts) = guest.efi_facts()? else {
        log::info!("no EFI");
        report(guest, "efi", &[("present", Value::Flag(false))]);
        return Ok(None);
    };
    log::info!("{facts}");
    let (version, runtime, vendor) = (facts.version, facts.runtime, &facts.vendor);
    let fields = [
        ("present", Value::Flag(true)),
        ("version", Value::Text(&version)),
        ("runtime", Value::Hex(runtime.map_or(0, |runtime| runtime.0.into()))),
        ("vendor", Value::Source(&vendor)),
        ("tables", Value::Number(facts.tables.into())),
    ];
    report(guest, "efi", &fields);
    match guest.efi_time()? {
        Some(time) => {
            log::info!("EFI time: {time}");
            report(guest, "efi time", &[("year", Value::Number(time.year.into()))]);
        }
        None => log::info!("no EFI time"),
    }
    let name = "BootOrder";
    match guest.efi_variable(&VariableName::new(name)?, Guid::GLOBAL_VARIABLE)? {
        Some(variable) => {
            log::info!("EFI variable {name}: {variable}");
            let len = Value::Number(variable.bytes.len() as u64);
            report(guest, "efi variable", &[("name", Value::Text(&name)), ("bytes", len)]);
        }
        None => log::info!("no EFI variable {name}"),
    }
    Ok(Some(facts))
}

fn acpi(guest: &mut Guest, efi: Option<&EfiFacts>) -> Result<(), Failed> {
    let found = guest.acpi(efi).map_err(|error| Failed::by("ACPI", &error))?;
    let Some((rsdp, tables)) = found else {
        // A BIOS from before ACPI has none; EFI cannot do without.
        return match efi {
            Some(_) => Err(Failed::because("ACPI", "EFI names no RSDP")),
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
    report_acpi(guest, &rsdp, &tables);
    tables.wrong().map_or(Ok(()), |table| Err(Failed::because("ACPI", &format!("{table}"))))
}

fn report_acpi(guest: &Guest, rsdp: &Rsdp, tables: &AcpiTables) {
    let (at, by) = (Value::Hex(rsdp.at.get()), Value::Source(&rsdp.found));
    report(guest, "rsdp", &[("at", at), ("found", by)]);
    for table in tables.as_slice() {
        let (name, at) = (Value::Text(&table.signature), Value::Hex(table.at.get()));
        let (bytes, checksum) = (Value::Number(table.len.into()), Value::Source(&table.checksum));
        report(guest, "acpi table", &[("name", name), ("at", at), ("bytes", bytes), ("checksum", checksum)]);
    }
}
