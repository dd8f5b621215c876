//! What dom0 says of the host it owns, held against what Xen's log says of it.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::run::facts::Facts;
use crate::suite::case::Evidence;

/// Seconds of a mean year.
const YEAR: u64 = 31_556_952;
/// How Xen's log says that it changed the BGRT.
const BGRT_CHANGED: &str = "ACPI: BGRT: invalidating v";

/// A host started by a BIOS: the screen is text, and the scan finds ACPI.
pub(crate) fn bios_host(evidence: &Evidence) -> Result<()> {
    let screen = evidence.facts.one("text screen")?;
    let size = [screen.number("columns")?, screen.number("rows")?, screen.number("font_height")?];
    ensure!(size == [80, 25, 16], "another screen: {screen:?}");
    ensure!(!evidence.facts.one("efi")?.flag("present")?, "a BIOS that is an EFI");
    let at = acpi(&evidence.facts, &xen_log(evidence)?, "BiosScan")?;
    ensure!((0xe_0000..0x10_0000).contains(&at) || at < 0xa_0000, "no BIOS has an RSDP at {at:#x}");
    Ok(())
}

/// A host started by EFI: a frame buffer, EFI's facts, time and boot order, and ACPI by its configuration table.
pub(crate) fn efi_host(evidence: &Evidence) -> Result<()> {
    let facts = &evidence.facts;
    let screen = facts.one("frame buffer")?;
    let size = [screen.number("width")?, screen.number("height")?];
    ensure!(screen.text("mode")? == "Efi" && !size.contains(&0), "another screen: {screen:?}");
    let efi = facts.one("efi")?;
    let right = efi.flag("present")?
        && efi.text("version")?.starts_with("2.")
        && efi.hex("runtime")? >> 16 == 2
        && efi.text("vendor")?.contains("EDK II")
        && efi.number("tables")? > 0;
    ensure!(right, "odd facts: {efi:?}");
    year(facts.one("efi time")?.number("year")?)?;
    let order = facts.one("efi variable")?;
    let bytes = order.number("bytes")?;
    ensure!(
        order.text("name")? == "BootOrder" && bytes > 0 && bytes.is_multiple_of(2),
        "odd boot order: {order:?}"
    );
    acpi(facts, &xen_log(evidence)?, "Efi").map(|_| ())
}

fn xen_log(evidence: &Evidence) -> Result<String> {
    let text = std::fs::read(evidence.report.out.join("xen.log"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The year it is.
pub(crate) fn this_year() -> Result<u64> {
    Ok(1970 + SystemTime::UNIX_EPOCH.elapsed()?.as_secs() / YEAR)
}

/// QEMU's clock is this machine's.
fn year(found: u64) -> Result<()> {
    let now = this_year()?;
    ensure!(found.abs_diff(now) <= 1, "the year is {now}, not {found}");
    Ok(())
}

/// Name, address and length.
type Table = (String, u64, u64);

/// Checks the RSDP and the tables, which are the ones Xen names; returns the address of the RSDP.
fn acpi(facts: &Facts, xen: &str, by: &str) -> Result<u64> {
    let rsdp = facts.one("rsdp")?;
    let at = rsdp.hex("at")?;
    ensure!(rsdp.text("found")? == by, "the RSDP was not found by {by}: {rsdp:?}");
    let changed = xen.contains(BGRT_CHANGED);
    let mut tables = Vec::new();
    for table in facts.all("acpi table") {
        let name = table.text("name")?;
        let checksum = table.text("checksum")?;
        let right = match name {
            "FACS" => checksum == "Without",
            "BGRT" if changed => checksum.starts_with("Invalidated("),
            _ => checksum == "Right",
        };
        ensure!(right, "odd checksum: {table:?}");
        tables.push((name.to_owned(), table.hex("at")?, table.number("bytes")?));
    }
    let mut named: Vec<Table> = xen.lines().filter_map(named_by_xen).collect();
    let root = named.iter().position(|(name, ..)| *name == "RSDP").context("Xen names no RSDP")?;
    ensure!(named.swap_remove(root).1 == at, "Xen has the RSDP elsewhere than at {at:#x}");
    tables.sort_unstable();
    named.sort_unstable();
    ensure!(tables.len() > 4 && tables == named, "the guest has {tables:x?}, Xen {named:x?}");
    Ok(at)
}

/// `(XEN) ACPI: FACP 1FFE198C, 0074 (r1 …)`
fn named_by_xen(line: &str) -> Option<Table> {
    let (name, rest) = line.strip_prefix("(XEN) ACPI: ")?.split_once(' ')?;
    let (at, rest) = rest.split_once(", ")?;
    let len = rest.split_whitespace().next()?;
    Some((name.to_owned(), u64::from_str_radix(at, 16).ok()?, u64::from_str_radix(len, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{acpi, this_year, year};
    use crate::run::facts::Facts;

    const GUEST: &str = r#"
@fact {"fact":"rsdp","at":"0xf59d0","found":"BiosScan"}
@fact {"fact":"acpi table","name":"RSDT","at":"0x1ffe1ad8","bytes":52,"checksum":"Right"}
@fact {"fact":"acpi table","name":"FACP","at":"0x1ffe198c","bytes":116,"checksum":"Right"}
@fact {"fact":"acpi table","name":"BGRT","at":"0x1ffe1a00","bytes":56,"checksum":"Right"}
@fact {"fact":"acpi table","name":"DSDT","at":"0x1ffe0040","bytes":6476,"checksum":"Right"}
@fact {"fact":"acpi table","name":"FACS","at":"0x1ffe0000","bytes":64,"checksum":"Without"}
"#;
    const XEN: &str = "\
(XEN) ACPI: RSDP 000F59D0, 0014 (r0 BOCHS )
(XEN) ACPI: RSDT 1FFE1AD8, 0034 (r1 BOCHS  BXPC            1 BXPC        1)
(XEN) ACPI: FACP 1FFE198C, 0074 (r1 BOCHS  BXPC            1 BXPC        1)
(XEN) ACPI: DSDT 1FFE0040, 194C (r1 BOCHS  BXPC            1 BXPC        1)
(XEN) ACPI: FACS 1FFE0000, 0040
(XEN) ACPI: BGRT 1FFE1A00, 0038 (r1 INTEL  EDK2            2       1000013)
(XEN) ACPI: IOAPIC (id[0x00] address[0xfec00000] gsi_base[0])
(XEN) ACPI: SLEEP INFO: pm1x_cnt[1:b004,1:0], pm1x_evt[1:b000,1:0]
(XEN) ACPI: IRQ0 used by override.
";

    fn facts(guest: &str) -> Facts {
        Facts::of(guest).unwrap()
    }

    #[test]
    fn tables_are_those_xen_names() {
        assert_eq!(acpi(&facts(GUEST), XEN, "BiosScan").unwrap(), 0xf_59d0);
        assert!(acpi(&facts(GUEST), XEN, "Efi").is_err());
        for (right, wrong) in [
            ("0xf59d0", "0xf59e0"),
            ("6476,\"checksum\":\"Right\"", "6476,\"checksum\":\"Wrong(1)\""),
            ("\"bytes\":6476", "\"bytes\":6477"),
            ("0x1ffe198c", "0x1ffe198d"),
            ("64,\"checksum\":\"Without\"", "64,\"checksum\":\"Right\""),
            ("\"BGRT\"", "\"BGRX\""),
            ("BiosScan", "Scan"),
            ("\"fact\":\"rsdp\"", "\"fact\":\"rdsp\""),
        ] {
            let guest = GUEST.replace(right, wrong);
            assert_ne!(guest, GUEST);
            assert!(acpi(&facts(&guest), XEN, "BiosScan").is_err(), "{wrong}");
        }
        let fewer: String =
            GUEST.lines().filter(|line| !line.contains("DSDT")).map(|line| line.to_owned() + "\n").collect();
        assert!(acpi(&facts(&fewer), XEN, "BiosScan").is_err());
    }

    #[test]
    fn a_bgrt_may_be_wrong_only_if_xen_says_so() {
        let told = facts(&GUEST.replace("56,\"checksum\":\"Right\"", "56,\"checksum\":\"Invalidated(1)\""));
        let changed = format!("{XEN}(XEN) ACPI: BGRT: invalidating v1 image at 0x1df9d018\n");
        assert!(acpi(&told, &changed, "BiosScan").is_ok());
        assert!(acpi(&told, XEN, "BiosScan").is_err());
        assert!(acpi(&facts(GUEST), &changed, "BiosScan").is_err());
    }

    #[test]
    fn years() {
        let now = this_year().unwrap();
        assert!(year(now).is_ok() && year(now - 2).is_err() && year(now + 2).is_err() && year(0).is_err());
    }
}
