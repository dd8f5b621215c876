//! What dom0 says of the host it owns, held against what Xen's log says of it.

use std::time::SystemTime;

use anyhow::{Context, Result, ensure};

use crate::suite::case::Evidence;

/// Seconds of a mean year.
const YEAR: u64 = 31_556_952;
/// How Xen's log says that it changed the BGRT.
const BGRT_CHANGED: &str = "ACPI: BGRT: invalidating v";

/// A host started by a BIOS: the screen is text, and the scan finds ACPI.
pub(crate) fn bios_host(evidence: &Evidence) -> Result<()> {
    let said = Said { guest: &evidence.guest, xen: &xen_log(evidence)? };
    said.one("screen: text, 80 columns, 25 rows, font height 16, ")?;
    ensure!(said.one("no EFI")?.is_empty(), "another line about EFI");
    let at = said.acpi("BIOS scan")?;
    ensure!((0xe_0000..0x10_0000).contains(&at) || at < 0xa_0000, "no BIOS has an RSDP at {at:#x}");
    Ok(())
}

/// A host started by EFI: a frame buffer, EFI's facts, time and boot order, and ACPI by its configuration table.
pub(crate) fn efi_host(evidence: &Evidence) -> Result<()> {
    let said = Said { guest: &evidence.guest, xen: &xen_log(evidence)? };
    said.one("screen: EFI frame buffer, ")?;
    let facts = said.one("EFI 2.")?;
    let (_, tables) = facts.split_once(", runtime services 2.").context("no runtime services")?;
    let (_, tables) = tables.split_once(", ").context("no configuration tables")?;
    let count: u32 = tables.split(' ').next().context("no number")?.parse()?;
    ensure!(facts.contains("EDK II ") && count > 0, "odd facts: {facts}");
    year(said.one("EFI time: ")?)?;
    let order = said.one("EFI variable BootOrder: ")?;
    let (bytes, order) = order.split_once(" bytes ").context("an empty boot order")?;
    let bytes: usize = bytes.parse()?;
    ensure!(
        bytes.is_multiple_of(2) && (bytes > 16 || order.split(' ').count() == bytes),
        "odd boot order: {order}"
    );
    said.acpi("EFI").map(|_| ())
}

fn xen_log(evidence: &Evidence) -> Result<String> {
    let text = std::fs::read(evidence.report.out.join("xen.log"))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// QEMU's clock is this machine's.
fn year(time: &str) -> Result<()> {
    let found: u64 = time.split('-').next().context("no year")?.parse()?;
    let now = 1970 + SystemTime::UNIX_EPOCH.elapsed()?.as_secs() / YEAR;
    ensure!(found.abs_diff(now) <= 1, "the year is {now}, not {found}");
    Ok(())
}

/// What the guest and Xen say.
struct Said<'a> {
    guest: &'a str,
    xen: &'a str,
}

/// Name, address and length.
type Table<'a> = (&'a str, u64, u64);

impl<'a> Said<'a> {
    /// The rest of the guest's one line that starts so.
    fn one(&self, start: &str) -> Result<&'a str> {
        let mut rests = self.guest.lines().filter_map(|line| line.strip_prefix(start));
        let rest = rests.next().with_context(|| format!("no line starts with {start:?}"))?;
        ensure!(rests.next().is_none(), "two lines start with {start:?}");
        Ok(rest.trim_end())
    }

    /// Checks the line of ACPI and those of its tables, which are the ones Xen names; returns the address of the RSDP.
    fn acpi(&self, by: &str) -> Result<u64> {
        let line = self.one("ACPI: RSDP 0x")?;
        let (at, rest) = line.split_once(" by ").context("nobody found the RSDP")?;
        let rest = rest.strip_prefix(by).and_then(|rest| rest.strip_prefix(", "));
        let (count, verdict) = rest.and_then(|rest| rest.split_once(" tables, ")).context("another line")?;
        let changed = self.xen.contains(BGRT_CHANGED);
        let expected = match changed {
            true => "all checksums right but that of BGRT, which Xen changed",
            false => "all checksums right",
        };
        ensure!(verdict == expected, "{verdict}, not {expected}");
        let mut tables = Vec::new();
        for line in self.guest.lines().filter(|line| {
            line.starts_with("  ") && line.contains(" bytes, checksum ")
                || line.ends_with(" bytes, without a checksum")
        }) {
            tables.push(table(line.trim()).with_context(|| format!("no table: {line}"))?);
            let right = match line.trim().get(..4) {
                Some("FACS") => "without a checksum",
                Some("BGRT") if changed => ": Xen took out its image",
                _ => "checksum right",
            };
            ensure!(line.trim_end().ends_with(right), "odd checksum: {line}");
        }
        ensure!(tables.len() == count.parse::<usize>()?, "{count} tables, but {} lines", tables.len());
        let mut named: Vec<Table<'_>> = self.xen.lines().filter_map(named_by_xen).collect();
        let at = u64::from_str_radix(at, 16)?;
        let root = named.iter().position(|(name, ..)| *name == "RSDP").context("Xen names no RSDP")?;
        ensure!(named.swap_remove(root).1 == at, "Xen has the RSDP elsewhere than at {at:#x}");
        tables.sort_unstable();
        named.sort_unstable();
        ensure!(tables.len() > 4 && tables == named, "the guest has {tables:x?}, Xen {named:x?}");
        Ok(at)
    }
}

/// `FACP at 0x1ffe198c, 0x74 bytes, …`
fn table(line: &str) -> Option<Table<'_>> {
    let (name, rest) = line.split_once(" at 0x")?;
    let (at, rest) = rest.split_once(", 0x")?;
    let (len, _) = rest.split_once(" bytes")?;
    Some((name, u64::from_str_radix(at, 16).ok()?, u64::from_str_radix(len, 16).ok()?))
}

/// `(XEN) ACPI: FACP 1FFE198C, 0074 (r1 …)`
fn named_by_xen(line: &str) -> Option<Table<'_>> {
    let (name, rest) = line.strip_prefix("(XEN) ACPI: ")?.split_once(' ')?;
    let (at, rest) = rest.split_once(", ")?;
    let len = rest.split_whitespace().next()?;
    if name.len() != 4 {
        return None;
    }
    Some((name, u64::from_str_radix(at, 16).ok()?, u64::from_str_radix(len, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Said, year};

    const GUEST: &str = "\
ACPI: RSDP 0xf59d0 by BIOS scan, 5 tables, all checksums right
  RSDT at 0x1ffe1ad8, 0x34 bytes, checksum right
  FACP at 0x1ffe198c, 0x74 bytes, checksum right
  BGRT at 0x1ffe1a00, 0x38 bytes, checksum right
  DSDT at 0x1ffe0040, 0x194c bytes, checksum right
  FACS at 0x1ffe0000, 0x40 bytes, without a checksum
  ffff880000000000 .. ffff88001d659fff  direct map       120410 pages
";
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

    #[test]
    fn tables_are_those_xen_names() {
        assert_eq!(Said { guest: GUEST, xen: XEN }.acpi("BIOS scan").unwrap(), 0xf_59d0);
        assert!(Said { guest: GUEST, xen: XEN }.acpi("EFI").is_err());
        for (right, wrong) in [
            ("0xf59d0", "0xf59e0"),
            ("all checksums right", "DSDT's checksum wrong"),
            ("5 tables", "6 tables"),
            ("0x194c bytes", "0x194d bytes"),
            ("0x1ffe198c", "0x1ffe198d"),
            ("0x74 bytes, checksum right", "0x74 bytes, checksum wrong: the bytes add up to 0x01, not to 0"),
            ("  BGRT at", "  BGRX at"),
            (" by BIOS", ""),
        ] {
            let guest = GUEST.replace(right, wrong);
            assert_ne!(guest, GUEST);
            assert!(Said { guest: &guest, xen: XEN }.acpi("BIOS scan").is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bgrt_may_be_wrong_only_if_xen_says_so() {
        let guest = GUEST.replace(
            "0x38 bytes, checksum right",
            "0x38 bytes, checksum wrong by 0x01: Xen took out its image",
        );
        let told = guest.replace(
            "tables, all checksums right",
            "tables, all checksums right but that of BGRT, which Xen changed",
        );
        let changed = format!("{XEN}(XEN) ACPI: BGRT: invalidating v1 image at 0x1df9d018\n");
        assert!(Said { guest: &told, xen: &changed }.acpi("BIOS scan").is_ok());
        assert!(Said { guest: &told, xen: XEN }.acpi("BIOS scan").is_err());
        assert!(Said { guest: &guest, xen: &changed }.acpi("BIOS scan").is_err());
        assert!(Said { guest: GUEST, xen: &changed }.acpi("BIOS scan").is_err());
    }

    #[test]
    fn years() {
        assert!(year("1999-01-01 00:00:00 UTC").is_err());
        assert!(year("UTC").is_err());
    }

    #[test]
    fn a_line_is_there_once() {
        let said = Said { guest: "no EFI\nEFI 2.7\nEFI 2.8\n", xen: "" };
        assert_eq!(said.one("no EFI").unwrap(), "");
        assert!(said.one("EFI 2.").is_err() && said.one("EFI time: ").is_err());
    }
}
