//! Finding the root pointer, and checking it.

use std::{string::ToString, vec::Vec};

use proptest::prelude::{any, prop_assert, proptest};

use crate::firmware::{
    EfiFacts, FirmwareError, Found, Guid, Rsdp, Version, find_rsdp,
    tests::{
        acpi::{BIOS, at, pointer},
        host::{Memory, add_up, rsdp},
    },
};

fn facts(configuration: u64, tables: u32) -> EfiFacts {
    EfiFacts {
        version: Version(2 << 16 | 70),
        runtime: None,
        vendor: None,
        configuration: at(configuration),
        tables,
    }
}

#[test]
fn the_root_pointer_is_found_on_any_border_of_16() {
    for place in [0xe_0000, 0xe_0010, 0xe_0ff0, 0xf_5a30, 0xf_ffd0] {
        for xsdt in [None, Some(0x1_2345_6789)] {
            let mut memory = Memory::bios();
            memory.put(place, &rsdp(0x7fe_1234, xsdt));
            let found = find_rsdp(&mut memory, None).unwrap().unwrap();
            assert_eq!(found, Rsdp { at: at(place), ..pointer(0x7fe_1234, xsdt) });
        }
    }
    // 20 bytes fit where 36 do not.
    let mut memory = Memory::bios();
    memory.put(0xf_ffe0, &rsdp(1, None));
    assert_eq!(find_rsdp(&mut memory, None).unwrap().unwrap().at, at(0xf_ffe0));
    memory.put(0xf_ffe0, &[0; 20]);
    for place in [0xd_fff0, 0xe_0008, 0xf_0001] {
        let mut memory = memory.clone();
        memory.put(place, &rsdp(1, None));
        assert_eq!(find_rsdp(&mut memory, None), Ok(None), "{place:#x}");
    }
}

#[test]
fn the_ebda_goes_first_and_only_its_first_kib() {
    let mut memory = Memory::bios();
    memory.put(0xf_0000, &rsdp(2, None));
    for (segment, place, first) in [
        (0x9fc0, 0x9_fc00, true),
        (0x9fc0, 0x9_ffe0, true),
        (0x80f8, 0x8_1360, true),
        (0x80f8, 0x8_1380, false),
        // Not a possible EBDA.
        (0x0, 0x0, false),
        (0x3f, 0x3f0, false),
        (0xa000, 0xa_0000, false),
        // Cut at the end of low memory.
        (0x9fff, 0xa_0000, false),
    ] {
        let mut memory = memory.clone();
        memory.put(place, &rsdp(1, None));
        memory.put(0x40e, &u16::to_le_bytes(segment));
        let found = find_rsdp(&mut memory, None).unwrap().unwrap();
        assert_eq!(found.rsdt, if first { 1 } else { 2 }, "{segment:#x} {place:#x}");
    }
}

#[test]
fn a_wrong_root_pointer_is_passed_over_but_not_forgotten() {
    for (byte, bytes) in [(16, 20), (33, 36)] {
        let mut memory = Memory::bios();
        memory.put(0xe_1000, &rsdp(1, Some(2)));
        memory.spoil(0xe_1000 + byte);
        let wrong = FirmwareError::RsdpChecksum { at: 0xe_1000, bytes, sum: 1 };
        assert_eq!(find_rsdp(&mut memory, None), Err(wrong));
        memory.put(0xe_2000, &rsdp(3, Some(4)));
        assert_eq!(find_rsdp(&mut memory, None).unwrap().unwrap().at, at(0xe_2000));
    }
    assert_eq!(find_rsdp(&mut Memory::bios(), None), Ok(None));
}

#[test]
fn the_length_of_a_root_pointer_is_bounded() {
    for found in [0, 35, 4097, u32::MAX] {
        let mut memory = Memory::bios();
        memory.put(BIOS, &rsdp(1, Some(2)));
        memory.put(BIOS + 20, &found.to_le_bytes());
        assert_eq!(
            find_rsdp(&mut memory, None),
            Err(FirmwareError::RsdpLength { at: BIOS, found, least: 36, most: 4096 })
        );
    }
}

#[test]
fn a_root_pointer_of_another_length_adds_up_as_a_whole() {
    for len in [37, 4096] {
        let mut longer = rsdp(1, Some(2));
        longer.resize(len, 0x11);
        longer[20..24].copy_from_slice(&(len as u32).to_le_bytes());
        add_up(&mut longer, 32);
        let mut memory = Memory::bios();
        memory.put(BIOS, &longer);
        assert_eq!(find_rsdp(&mut memory, None).unwrap().unwrap().xsdt, Some(2));
        memory.spoil(BIOS + len as u64 - 1);
        let wrong = FirmwareError::RsdpChecksum { at: BIOS, bytes: len as u32, sum: 1 };
        assert_eq!(find_rsdp(&mut memory, None), Err(wrong));
    }
    // Before revision 2 there is no second part, whatever the bytes there.
    for revision in [0, 1] {
        let mut first = rsdp(1, Some(2));
        first[15] = revision;
        add_up(&mut first[..20], 8);
        first[32] ^= 1;
        let mut memory = Memory::bios();
        memory.put(BIOS, &first);
        let found = find_rsdp(&mut memory, None).unwrap().unwrap();
        assert_eq!((found.revision, found.xsdt), (revision, None));
    }
}

#[test]
fn efi_names_the_root_pointer() {
    let entry = |guid: Guid, address: u64| {
        let mut entry = guid.to_bytes().to_vec();
        entry.extend_from_slice(&address.to_le_bytes());
        entry
    };
    let other = Guid::new(1, 2, 3, [4; 8]);
    let table = |entries: &[(Guid, u64)]| {
        let mut memory = Memory::default();
        memory.put(0x2_0000, &rsdp(1, None));
        memory.put(0x3_0000, &rsdp(2, Some(3)));
        let entries: Vec<u8> = entries.iter().flat_map(|(guid, at)| entry(*guid, *at)).collect();
        memory.put(0x7fe9_eff8, &entries);
        memory
    };
    let both = [(other, 1), (Guid::ACPI_10, 0x2_0000), (other, 2), (Guid::ACPI_20, 0x3_0000)];
    for (count, place) in
        [(4, Some(0x3_0000)), (3, Some(0x2_0000)), (2, Some(0x2_0000)), (1, None), (0, None)]
    {
        let found = find_rsdp(&mut table(&both), Some(&facts(0x7fe9_eff8, count))).unwrap();
        assert_eq!(found.map(|rsdp| (rsdp.at, rsdp.found)), place.map(|place| (at(place), Found::Efi)));
    }
    let mut memory = table(&[(Guid::ACPI_20, 0x3_0008)]);
    let found = [0, 0x42, 0x4f, 0x43, 0x48, 0x53, 0x20, 2];
    memory.put(0x3_0008, &found);
    let none = FirmwareError::RsdpSignature { at: 0x3_0008, found };
    assert_eq!(find_rsdp(&mut memory, Some(&facts(0x7fe9_eff8, 1))), Err(none));
    let mut memory = table(&[(Guid::ACPI_20, 0x9_0000)]);
    let error = find_rsdp(&mut memory, Some(&facts(0x7fe9_eff8, 1))).unwrap_err();
    assert!(
        matches!(error, FirmwareError::Unreadable { what: "RSDP", at: 0x9_0000, bytes: 20, .. }),
        "{error}"
    );
    let mut memory = table(&[(Guid::ACPI_20, u64::MAX - 7)]);
    let nowhere = FirmwareError::Address { what: "RSDP", at: u64::MAX - 7, bytes: 20 };
    assert_eq!(find_rsdp(&mut memory, Some(&facts(0x7fe9_eff8, 1))), Err(nowhere));
    let all = std::vec![(other, 1); 1024];
    assert_eq!(find_rsdp(&mut table(&all), Some(&facts(0x7fe9_eff8, 1024))), Ok(None));
    let many = FirmwareError::ConfigurationTables { found: 1025, limit: 1024 };
    assert_eq!(find_rsdp(&mut memory, Some(&facts(0x7fe9_eff8, 1025))), Err(many));
}

#[test]
fn the_guids_read_as_they_are_written() {
    assert_eq!(Guid::ACPI_20.to_string(), "8868e871-e4f1-11d3-bc22-0080c73c8881");
    assert_eq!(Guid::ACPI_10.to_string(), "eb9d2d30-2d88-11d3-9a16-0090273fc14d");
    assert_eq!(Guid::GLOBAL_VARIABLE.to_string(), "8be4df61-93ca-11d2-aa0d-00e098032b8c");
    assert_eq!(Guid::from_bytes(Guid::ACPI_20.to_bytes()), Guid::ACPI_20);
    assert_eq!(Guid::ACPI_20.to_bytes()[..8], [0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11]);
}

proptest! {
    #[test]
    fn any_low_memory_has_a_root_pointer_or_none(bytes in any::<[u8; 36]>(), line in 0_u64..0x2000, ebda in any::<u16>()) {
        let mut memory = Memory::bios();
        let mut pointer = rsdp(1, Some(2));
        pointer[8..].copy_from_slice(&bytes[8..]);
        let place = BIOS + 16 * line.min(0x1ffd);
        memory.put(place, &pointer);
        memory.put(0x40e, &ebda.to_le_bytes());
        if let Ok(Some(found)) = find_rsdp(&mut memory, None) {
            prop_assert!(pointer[..20].iter().copied().fold(0, u8::wrapping_add) == 0);
            prop_assert!(found.at.get() == place);
        }
        prop_assert!(memory.reads < 64);
    }
}
