//! EFI's facts, time and variables.

use std::{
    string::{String, ToString},
    vec::Vec,
};

use mmu::Errno;
use proptest::prelude::{any, prop_assert, proptest};

use crate::firmware::{
    EfiAnswer, FirmwareError, Guid, PlatformCall, Status, Time, VariableName, Version, efi_facts, efi_time,
    efi_variable, tests::host::Efi,
};

#[test]
fn facts_are_told_in_one_line() {
    let facts = efi_facts(&mut Efi::ovmf()).unwrap().unwrap();
    assert_eq!(
        facts.to_string(),
        "EFI 2.7 by EDK II (revision 0x10000), runtime services 2.3.1, 10 configuration tables at 0x7f9eec98"
    );
    assert_eq!(Version(1 << 16 | 10).to_string(), "1.1");
}

#[test]
fn no_efi_is_a_value_and_a_refusal_is_none() {
    let without = |version| efi_facts(&mut Efi { version: Err(version), ..Efi::ovmf() });
    assert_eq!(without(Errno::ENOSYS), Ok(None));
    let refused = FirmwareError::Refused { call: PlatformCall::Version, errno: Errno::EPERM };
    assert_eq!(without(Errno::EPERM), Err(refused));
    assert_eq!(refused.to_string(), "EFI's version: Xen refused with EPERM (-1)");
}

#[test]
fn what_xen_does_not_use_is_absent() {
    let none = Errno::EOPNOTSUPP;
    let mut efi =
        Efi { runtime: Err(none), vendor: Err(none), time: Err(none), variable: Err(none), ..Efi::ovmf() };
    let facts = efi_facts(&mut efi).unwrap().unwrap();
    assert_eq!(
        facts.to_string(),
        "EFI 2.7 by a vendor without a name, no runtime services, 10 configuration tables at 0x7f9eec98"
    );
    assert_eq!(efi_time(&mut efi), Ok(None));
    let name = VariableName::new("BootOrder").unwrap();
    assert_eq!(efi_variable(&mut efi, &name, Guid::GLOBAL_VARIABLE), Ok(None));
}

#[test]
fn other_refusals_name_the_question() {
    for (call, efi) in [
        (PlatformCall::RuntimeVersion, Efi { runtime: Err(Errno::EINVAL), ..Efi::ovmf() }),
        (PlatformCall::Vendor, Efi { vendor: Err(Errno::EINVAL), ..Efi::ovmf() }),
        (PlatformCall::Configuration, Efi { configuration: Err(Errno::EINVAL), ..Efi::ovmf() }),
    ] {
        let mut efi = efi;
        assert_eq!(efi_facts(&mut efi), Err(FirmwareError::Refused { call, errno: Errno::EINVAL }));
    }
}

#[test]
fn a_configuration_table_has_an_address() {
    let mut efi = Efi { configuration: Ok((1 << 52, 10)), ..Efi::ovmf() };
    let what = "EFI's configuration table";
    assert_eq!(efi_facts(&mut efi), Err(FirmwareError::Address { what, at: 1 << 52, bytes: 240 }));
}

#[test]
fn a_vendor_s_name_is_cut_and_made_printable() {
    let named = |name: Vec<u16>| {
        let facts = efi_facts(&mut Efi { vendor: Ok(name), ..Efi::ovmf() }).unwrap().unwrap();
        String::from(facts.vendor.unwrap().name.as_str())
    };
    assert_eq!(named("Fönt\n\u{1b}".encode_utf16().collect()), "Fönt??");
    assert_eq!(named(std::vec![0xd800, 0x41, 0, 0x42]), "?A");
    // Xen fills the buffer without a NUL if the name is longer.
    assert_eq!(named(std::vec![0x4e2d; 100]), "中".repeat(64));
    assert_eq!(named(std::vec![]), "");
}

#[test]
fn a_time_is_read() {
    let time = efi_time(&mut Efi::ovmf()).unwrap().unwrap();
    assert_eq!((time.year, time.month, time.day), (2026, 2, 28));
    assert_eq!((time.hour, time.minute, time.second), (23, 59, 58));
    assert_eq!(time.to_string(), "2026-02-28 23:59:58 UTC");
    let mut bytes = [0xe8, 7, 2, 29, 0, 0, 0, 0, 0xff, 0xc9, 0x9a, 0x3b, 0xc4, 0xff, 3, 0];
    let time = Time::parse(&bytes).unwrap();
    assert_eq!((time.nanosecond, time.zone, time.daylight), (999_999_999, Some(-60), 3));
    assert_eq!(time.to_string(), "2024-02-29 00:00:00 (UTC +60 min)");
    bytes[12..14].copy_from_slice(&0x7ff_u16.to_le_bytes());
    assert_eq!(Time::parse(&bytes).unwrap().to_string(), "2024-02-29 00:00:00 (zone not given)");
}

#[test]
fn a_time_that_does_not_exist_is_refused() {
    let right = [0xea, 7, 2, 28, 23, 59, 59, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    assert!(Time::parse(&right).is_ok());
    let wrong: [(usize, &[u8]); 11] = [
        (0, &[0x6b, 7]),
        (0, &[0x10, 0x27]),
        (2, &[0]),
        (2, &[13]),
        (3, &[0]),
        // 2026 has no 29th of February.
        (3, &[29]),
        (4, &[24]),
        (5, &[60]),
        (6, &[60]),
        (8, &1_000_000_000_u32.to_le_bytes()),
        (12, &1441_i16.to_le_bytes()),
    ];
    for (at, value) in wrong {
        let mut bytes = right;
        bytes[at..at + value.len()].copy_from_slice(value);
        assert!(matches!(Time::parse(&bytes), Err(FirmwareError::Time { .. })), "{at} {value:?}");
    }
    for (year, leap) in [(1900_u16, false), (2000, true), (2024, true), (2100, false)] {
        let mut bytes = right;
        bytes[..2].copy_from_slice(&year.to_le_bytes());
        bytes[3] = 29;
        assert_eq!(Time::parse(&bytes).is_ok(), leap, "{year}");
    }
    let mut efi = Efi { time: Ok(EfiAnswer { status: Status(1 << 63 | 7), value: right }), ..Efi::ovmf() };
    assert_eq!(efi_time(&mut efi).unwrap_err().to_string(), "EFI's time: EFI refused with EFI_DEVICE_ERROR");
}

#[test]
fn a_variable_is_asked_for_by_its_name() {
    let mut efi = Efi::ovmf();
    let name = VariableName::new("BootOrder").unwrap();
    let variable = efi_variable(&mut efi, &name, Guid::GLOBAL_VARIABLE).unwrap().unwrap();
    assert_eq!((variable.attributes, &variable.bytes[..]), (7, &[0, 1, 2, 3][..]));
    assert_eq!(variable.to_string(), "4 bytes 00 01 02 03");
    let units: Vec<u16> = "BootOrder\0".encode_utf16().collect();
    assert_eq!(efi.asked, [(units, Guid::GLOBAL_VARIABLE)]);
}

#[test]
fn an_answer_is_judged_by_its_status_and_its_size() {
    let asked = |status, size| {
        let mut efi = Efi { variable: Ok(EfiAnswer { status, value: (7, size) }), ..Efi::ovmf() };
        efi_variable(&mut efi, &VariableName::new("X").unwrap(), Guid::GLOBAL_VARIABLE)
    };
    assert_eq!(asked(Status::NOT_FOUND, 0), Ok(None));
    assert_eq!(asked(Status::UNSUPPORTED, 0), Ok(None));
    let time = Ok(EfiAnswer { status: Status::UNSUPPORTED, value: [0; 16] });
    assert_eq!(efi_time(&mut Efi { time, ..Efi::ovmf() }), Ok(None));
    assert_eq!(asked(Status::SUCCESS, 0).unwrap().unwrap().to_string(), "0 bytes");
    assert_eq!(asked(Status::SUCCESS, 1024).unwrap().unwrap().bytes.len(), 1024);
    assert_eq!(asked(Status::SUCCESS, 1025), Err(FirmwareError::VariableSize { found: 1025, limit: 1024 }));
    assert_eq!(
        asked(Status::SUCCESS, u64::MAX),
        Err(FirmwareError::VariableSize { found: u64::MAX, limit: 1024 })
    );
    let status = Status::BUFFER_TOO_SMALL;
    assert_eq!(asked(status, 4096), Err(FirmwareError::Status { call: PlatformCall::GetVariable, status }));
    assert_eq!(status.to_string(), "EFI_BUFFER_TOO_SMALL");
    // A warning is not a success: it is unknown what was written.
    assert_eq!(asked(Status(5), 4).unwrap_err().to_string(), "an EFI variable: EFI refused with status 0x5");
}

#[test]
fn names_that_xen_would_read_wrongly_are_refused() {
    assert_eq!(VariableName::new(&"x".repeat(63)).unwrap().units().len(), 64);
    assert_eq!(VariableName::new(&"x".repeat(64)), Err(FirmwareError::Name { units: 64, limit: 63 }));
    assert_eq!(VariableName::new("Boot\0Order"), Err(FirmwareError::Name { units: 10, limit: 63 }));
    assert_eq!(VariableName::new("").unwrap().units(), [0]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_time_or_none(bytes in any::<[u8; 16]>()) {
        match Time::parse(&bytes) {
            Ok(time) => prop_assert!((1900..=9999).contains(&time.year) && (1..=31).contains(&time.day)),
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }
}
