//! Tables, starting at a root pointer.

use std::{string::ToString, vec::Vec};

use proptest::prelude::{Strategy, any, prop, prop_assert, proptest};
use start_info::Maddr;

use crate::firmware::{
    AcpiTable, AcpiTables, Checksum, FirmwareError, Found, Rsdp, Signature, tables,
    tests::host::{Memory, table},
};

pub(super) const BIOS: u64 = 0xe_0000;

pub(super) fn at(address: u64) -> Maddr {
    Maddr::try_new(address).unwrap_or_else(|_| unreachable!("an address of a test"))
}

pub(super) fn pointer(rsdt: u32, xsdt: Option<u64>) -> Rsdp {
    Rsdp { at: at(BIOS), found: Found::BiosScan, revision: if xsdt.is_some() { 2 } else { 0 }, rsdt, xsdt }
}

/// An FADT with 32-bit and 64-bit addresses of FACS and DSDT.
fn fadt(len: usize, facs: (u32, u64), dsdt: (u32, u64)) -> Vec<u8> {
    let mut body = std::vec![0; 244 - 36];
    body[0..4].copy_from_slice(&facs.0.to_le_bytes());
    body[4..8].copy_from_slice(&dsdt.0.to_le_bytes());
    body[96..104].copy_from_slice(&facs.1.to_le_bytes());
    body[104..112].copy_from_slice(&dsdt.1.to_le_bytes());
    table(b"FACP", &body[..len - 36])
}

fn facs() -> Vec<u8> {
    let mut facs = std::vec![0xff; 64];
    facs[..8].copy_from_slice(b"FACS\x40\0\0\0");
    facs
}

fn words<const LEN: usize>(addresses: &[u64]) -> Vec<u8> {
    addresses.iter().flat_map(|address| address.to_le_bytes()[..LEN].to_vec()).collect()
}

/// Tables as QEMU lays them out, close together and across pages; the DSDT takes several pages.
fn host() -> Memory {
    let mut memory = Memory::default();
    memory.put(0x1ffe_0000, &std::vec![0; 0x1_0000]);
    memory.put(0x1ffe_0000, &facs());
    memory.put(0x1ffe_0040, &table(b"DSDT", &[0x5a; 8000]));
    memory.put(0x1ffe_2000, &fadt(244, (0x1ffe_0000, 0), (0x1111, 0x1ffe_0040)));
    memory.put(0x1ffe_2ff0, &table(b"APIC", &[1; 84]));
    memory.put(0x1ffe_3100, &table(b"XSDT", &words::<8>(&[0x1ffe_2000, 0, 0x1ffe_2ff0])));
    memory.put(0x1ffe_3200, &table(b"RSDT", &words::<4>(&[0x1ffe_2ff0, 0x1ffe_2000])));
    memory
}

fn names(tables: &AcpiTables) -> Vec<std::string::String> {
    tables.as_slice().iter().map(|table| table.signature.to_string()).collect()
}

#[test]
fn nothing_lies_across_the_last_address() {
    let mut memory = Memory::default();
    let found = tables(&mut memory, &pointer(0, Some((1 << 52) - 3)));
    let error = FirmwareError::Address { what: "a table's name", at: (1 << 52) - 3, bytes: 4 };
    assert_eq!(found, Err(error));
    assert_eq!(memory.reads, 0);
}

#[test]
fn all_tables_are_found_and_add_up() {
    let found = tables(&mut host(), &pointer(0x1ffe_3200, Some(0x1ffe_3100))).unwrap();
    assert_eq!(names(&found), ["XSDT", "FACP", "APIC", "DSDT", "FACS"]);
    assert_eq!(found.wrong(), None);
    let dsdt = AcpiTable {
        signature: Signature(*b"DSDT"),
        at: at(0x1ffe_0040),
        len: 8036,
        checksum: Checksum::Right,
    };
    assert_eq!(found.as_slice()[3], dsdt);
    assert_eq!(dsdt.to_string(), "DSDT at 0x1ffe0040, 0x1f64 bytes, checksum right");
    assert_eq!(found.as_slice()[4].to_string(), "FACS at 0x1ffe0000, 0x40 bytes, without a checksum");

    // The DSDT's 32-bit address leads nowhere here, which shows that the 64-bit one was used.
    let found = tables(&mut host(), &pointer(0x1ffe_3200, None)).unwrap();
    assert_eq!(names(&found), ["RSDT", "APIC", "FACP", "DSDT", "FACS"]);
}

#[test]
fn a_short_fadt_has_narrow_addresses_only() {
    let root = pointer(0, Some(0x1ffe_3100));
    for (len, expected) in [(116, "DSDT"), (147, "DSDT"), (148, "SSDT"), (244, "SSDT")] {
        let mut memory = host();
        memory.put(0x1ffe_4000, &table(b"DSDT", &[]));
        memory.put(0x1ffe_4100, &table(b"SSDT", &[]));
        memory.put(0x1ffe_2000, &fadt(len, (0, 0), (0x1ffe_4000, 0x1ffe_4100)));
        let found = tables(&mut memory, &root);
        if expected == "DSDT" {
            assert_eq!(names(&found.unwrap()), ["XSDT", "FACP", "APIC", "DSDT"], "{len}");
        } else {
            // The 64-bit address leads to a table that is not a DSDT.
            let (found_name, expected) = (Signature(*b"SSDT"), Signature(*b"DSDT"));
            assert_eq!(
                found,
                Err(FirmwareError::TableName { at: 0x1ffe_4100, found: found_name, expected }),
                "{len}"
            );
        }
    }
}

#[test]
fn a_wrong_checksum_is_told_with_its_table() {
    for (byte, name) in [(0x1ffe_1f00, "DSDT"), (0x1ffe_3000, "APIC"), (0x1ffe_3100 + 20, "XSDT")] {
        let mut memory = host();
        memory.spoil(byte);
        let found = tables(&mut memory, &pointer(0, Some(0x1ffe_3100))).unwrap();
        let wrong = found.wrong().unwrap();
        assert_eq!((wrong.signature.to_string().as_str(), wrong.checksum), (name, Checksum::Wrong(1)));
        assert!(wrong.to_string().ends_with("checksum wrong: the bytes add up to 0x01, not to 0"));
        // Nothing is followed from a wrong root.
        assert_eq!(found.as_slice().len(), if name == "XSDT" { 1 } else { 5 });
    }
    let mut memory = host();
    memory.spoil(0x1ffe_2000 + 60);
    let found = tables(&mut memory, &pointer(0, Some(0x1ffe_3100))).unwrap();
    assert_eq!(names(&found), ["XSDT", "FACP", "APIC"]);
}

/// Seen on Xen 4.17 under OVMF: the boot logo lay in ordinary memory.
#[test]
fn a_bgrt_that_xen_changed_is_no_fault_of_the_firmware() {
    let root = pointer(0, Some(0x1ffe_3100));
    let mut body = std::vec![1, 0, 1, 0];
    body.extend_from_slice(&0x1df9_d018_u64.to_le_bytes());
    body.extend_from_slice(&[0x10, 0, 0, 0, 0x20, 0, 0, 0]);
    let mut memory = host();
    memory.put(0x1ffe_2ff0, &table(b"BGRT", &body));
    assert_eq!(tables(&mut memory, &root).unwrap().to_string(), "5 tables, all checksums right");
    // Only one of the two marks: this is not Xen's work.
    memory.put(0x1ffe_2ff0 + 40, &[0; 8]);
    let found = tables(&mut memory, &root).unwrap();
    assert_eq!(found.to_string(), "5 tables, BGRT's checksum wrong");
    memory.put(0x1ffe_2ff0 + 38, &[0]);
    let found = tables(&mut memory, &root).unwrap();
    assert_eq!(found.wrong(), None);
    let told = "5 tables, all checksums right but that of BGRT, which Xen changed";
    assert_eq!(found.to_string(), told);
    let sum =
        0_u8.wrapping_sub(1).wrapping_sub(0x1d).wrapping_sub(0xf9).wrapping_sub(0xd0).wrapping_sub(0x18);
    assert_eq!(found.as_slice()[2].checksum, Checksum::Invalidated(sum));
    // Both marks, in a table of another name or too short to have them.
    memory.put(0x1ffe_2ff0, b"BGRU");
    assert!(tables(&mut memory, &root).unwrap().wrong().is_some());
    memory.put(0x1ffe_2ff0, &table(b"BGRT", &[0; 11]));
    memory.spoil(0x1ffe_2ff0 + 10);
    assert!(tables(&mut memory, &root).unwrap().wrong().is_some());
}

#[test]
fn lengths_are_bounded() {
    let most = 16 << 20;
    for (place, name, least, most) in [
        (0x1ffe_2ff0, b"APIC", 36, most),
        (0x1ffe_0000, b"FACS", 64, most),
        (0x1ffe_3100, b"XSDT", 36, 36 + 8 * 1024),
    ] {
        for found in [0, least - 1, most + 1, u32::MAX] {
            let mut memory = host();
            memory.put(place + 4, &found.to_le_bytes());
            let error =
                FirmwareError::TableLength { signature: Signature(*name), at: place, found, least, most };
            assert_eq!(tables(&mut memory, &pointer(0, Some(0x1ffe_3100))), Err(error));
            assert!(memory.bytes < 0x1_0000);
        }
    }
    // A length that leads beyond readable memory.
    let mut memory = host();
    memory.put(0x1ffe_2ff0 + 4, &most.to_le_bytes());
    let error = tables(&mut memory, &pointer(0, Some(0x1ffe_3100))).unwrap_err();
    assert!(matches!(error, FirmwareError::Unreadable { at: 0x1fff_0000, bytes: 4096, .. }), "{error}");
}

#[test]
fn a_root_of_odd_entries_or_too_many_is_refused() {
    let root = pointer(0, Some(0x1000));
    let mut memory = Memory::default();
    memory.put(0x1000, &table(b"XSDT", &[0; 12]));
    let signature = Signature(*b"XSDT");
    let odd = FirmwareError::RootEntries { signature, at: 0x1000, bytes: 12, entry: 8 };
    assert_eq!(tables(&mut memory, &root), Err(odd));

    for (count, fits) in [(127, true), (128, false)] {
        let mut memory = Memory::default();
        let places: Vec<u64> = (0..count as u64).map(|rank| 0x1_0000 + rank * 0x40).collect();
        places.iter().for_each(|&place| memory.put(place, &table(b"SSDT", &[])));
        memory.put(0x1000, &table(b"XSDT", &words::<8>(&places)));
        let found = tables(&mut memory, &root);
        assert_eq!(found.is_ok(), fits);
        if !fits {
            assert_eq!(found, Err(FirmwareError::TooManyTables { limit: 128 }));
        }
    }
}

/// Every read of the machine's memory takes several hypercalls, so reads are counted.
#[test]
fn a_root_of_zeros_or_of_one_table_costs_a_read_for_each_page() {
    for (xsdt, name, entry) in [(Some(0x1000), b"XSDT", 8), (None, b"RSDT", 4)] {
        let root = pointer(0x1000, xsdt);
        for address in [0, 0x8_0000] {
            let word = &words::<8>(&[address])[..entry];
            let mut memory = Memory::default();
            memory.put(0x8_0000, &table(b"SSDT", &[7; 9000]));
            memory.put(0x1000, &table(name, &word.repeat(1024)));
            let found = tables(&mut memory, &root).unwrap();
            assert_eq!(found.as_slice().len(), if address == 0 { 1 } else { 2 });
            // Names and lengths; one page each for the sum and the entries; the same for the one table.
            assert!(memory.reads <= 2 + 2 * 3 + 1 + 3, "{} reads", memory.reads);
        }
        for count in [1025, 5000, ((16 << 20) - 36) / entry] {
            let mut memory = Memory::default();
            memory.put(0x1000, &table(name, &std::vec![0; count * entry]));
            let (signature, found) = (Signature(*name), (36 + count * entry) as u32);
            let most = (36 + 1024 * entry) as u32;
            let error = FirmwareError::TableLength { signature, at: 0x1000, found, least: 36, most };
            assert_eq!(tables(&mut memory, &root), Err(error));
            assert!(memory.reads <= 2, "{} reads", memory.reads);
        }
    }
}

#[test]
fn all_tables_together_are_bounded() {
    let root = pointer(0, Some(0x1000));
    // Tables of 16 MiB, each only 64 bytes after the one before: they share most of their bytes.
    let tables_of = |count: u64| {
        let mut memory = Memory::default();
        memory.put(0x100_0000, &std::vec![0; 17 << 20]);
        let places: Vec<u64> = (0..count).map(|rank| 0x100_0000 + rank * 0x40).collect();
        for place in &places {
            memory.put(*place, b"SSDT\0\0\0\x01");
        }
        memory.put(0x1000, &table(b"XSDT", &words::<8>(&places)));
        memory
    };
    assert_eq!(tables(&mut tables_of(1), &root).unwrap().as_slice().len(), 2);
    let mut memory = tables_of(100);
    let error = tables(&mut memory, &root).unwrap_err();
    let signature = Signature(*b"SSDT");
    assert_eq!(
        error,
        FirmwareError::TotalLength { signature, at: 0x100_0040, found: 16 << 20, most: 32 << 20 }
    );
    assert!(memory.reads < 8200, "{} reads", memory.reads);
}

/// Entries are four bytes off a multiple of eight, so one of them crosses a page boundary.
#[test]
fn an_entry_across_two_pages_is_read_whole() {
    let mut memory = Memory::default();
    let places: Vec<u64> = (0..100).map(|rank| 0x1_0203_0000 + rank * 0x40).collect();
    places.iter().for_each(|&place| memory.put(place, &table(b"SSDT", &[])));
    memory.put(0x1e00, &table(b"XSDT", &words::<8>(&places)));
    let found = tables(&mut memory, &pointer(0, Some(0x1e00))).unwrap();
    let found: Vec<u64> = found.as_slice().iter().skip(1).map(|table| table.at.get()).collect();
    assert_eq!(found, places);
}

#[test]
fn a_root_that_leads_to_itself_ends() {
    let mut memory = Memory::default();
    memory.put(0x1000, &table(b"XSDT", &words::<8>(&[0x1000, 0x1000])));
    let found = tables(&mut memory, &pointer(0, Some(0x1000))).unwrap();
    assert_eq!(names(&found), ["XSDT"]);
    // What the FADT names may be in the root table too.
    let mut memory = host();
    memory.put(
        0x1ffe_3100,
        &table(b"XSDT", &words::<8>(&[0x1ffe_0040, 0x1ffe_2000, 0x1ffe_0000, 0x1ffe_2000])),
    );
    let found = tables(&mut memory, &pointer(0, Some(0x1ffe_3100))).unwrap();
    assert_eq!(names(&found), ["XSDT", "DSDT", "FACP", "FACS"]);
    // It must have the right name all the same.
    memory.put(0x1ffe_2000, &fadt(244, (0, 0x1ffe_0040), (0, 0)));
    let (found, expected) = (Signature(*b"DSDT"), Signature(*b"FACS"));
    let error = tables(&mut memory, &pointer(0, Some(0x1ffe_3100))).unwrap_err();
    assert_eq!(error, FirmwareError::TableName { at: 0x1ffe_0040, found, expected });
}

#[test]
fn another_name_at_the_root_is_refused() {
    let error = tables(&mut host(), &pointer(0x1ffe_3100, None)).unwrap_err();
    assert_eq!(error.to_string(), "at 0x1ffe3100 is table XSDT, not RSDT");
}

fn damage() -> impl Strategy<Value = Vec<(u64, u8)>> {
    prop::collection::vec((0_u64..0x3300, any::<u8>()), 0..8)
}

proptest! {
    /// Whatever firmware wrote, the walk ends soon, with tables or a line.
    #[test]
    fn any_damage_ends_in_tables_or_an_error(damage in damage(), rsdt in any::<u32>(), wide in any::<bool>()) {
        let mut memory = host();
        for (offset, byte) in damage {
            memory.put(0x1ffe_0000 + offset, &[byte]);
        }
        memory.reads = 0;
        let found = tables(&mut memory, &pointer(rsdt, wide.then_some(0x1ffe_3100)));
        match found {
            Ok(found) => prop_assert!(found.as_slice().len() <= AcpiTables::MAX),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
        prop_assert!(memory.reads < 0x1000, "{} reads", memory.reads);
    }
}
