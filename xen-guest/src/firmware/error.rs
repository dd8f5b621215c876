//! What can be wrong with firmware, one line each.

use core::fmt;

use mmu::Errno;

use crate::firmware::{acpi::signature::Signature, efi::status::Status};

/// A question to Xen about EFI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformCall {
    /// The version.
    Version,
    /// The version of the runtime services.
    RuntimeVersion,
    /// The vendor.
    Vendor,
    /// The configuration table.
    Configuration,
    /// The time.
    GetTime,
    /// A variable.
    GetVariable,
}

/// Why something from the firmware cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareError {
    /// An address beyond the last one a machine can have.
    #[error("{what}, {bytes:#x} bytes at {at:#x}, is not below 0x10000000000000")]
    Address {
        /// What should be there.
        what: &'static str,
        /// The first byte.
        at: u64,
        /// How many bytes.
        bytes: u64,
    },
    /// Memory of the machine cannot be read.
    #[error("{what}, {bytes:#x} bytes at {at:#x}, cannot be read: {cause}")]
    Unreadable {
        /// What is there.
        what: &'static str,
        /// The first byte.
        at: u64,
        /// How many bytes.
        bytes: u64,
        /// Why not.
        cause: mmu::MmuError,
    },
    /// EFI names an address that has no RSDP.
    #[error("at {at:#x}, where EFI has the RSDP, is \"{}\", not \"RSD PTR \"", .found.escape_ascii())]
    RsdpSignature {
        /// Where.
        at: u64,
        /// What is there.
        found: [u8; 8],
    },
    /// An RSDP has a wrong checksum.
    #[error("RSDP at {at:#x}: checksum wrong: its first {bytes} bytes add up to {sum:#04x}, not to 0")]
    RsdpChecksum {
        /// Where.
        at: u64,
        /// The bytes added up.
        bytes: u32,
        /// Their sum.
        sum: u8,
    },
    /// An RSDP has an impossible length.
    #[error("RSDP at {at:#x}: its length {found:#x} is not in {least:#x}..={most:#x}")]
    RsdpLength {
        /// Where.
        at: u64,
        /// The length.
        found: u32,
        /// The least it can be.
        least: u32,
        /// The most that is believed.
        most: u32,
    },
    /// Another table is where this one should be.
    #[error("at {at:#x} is table {found}, not {expected}")]
    TableName {
        /// Where.
        at: u64,
        /// Its name.
        found: Signature,
        /// The name it should have.
        expected: Signature,
    },
    /// A table has an impossible length.
    #[error("{signature} at {at:#x}: its length {found:#x} is not in {least:#x}..={most:#x}")]
    TableLength {
        /// Its name.
        signature: Signature,
        /// Where.
        at: u64,
        /// The length.
        found: u32,
        /// The least it can be.
        least: u32,
        /// The most that is believed.
        most: u32,
    },
    /// With this table, all tables together are too long.
    #[error("{signature} at {at:#x}: with its {found:#x} bytes all tables have more than {most:#x}")]
    TotalLength {
        /// Its name.
        signature: Signature,
        /// Where.
        at: u64,
        /// Its length.
        found: u32,
        /// The most that is read of all tables.
        most: u32,
    },
    /// The root table ends inside an entry.
    #[error("{signature} at {at:#x}: {bytes:#x} bytes of entries are not a multiple of {entry} bytes")]
    RootEntries {
        /// Its name.
        signature: Signature,
        /// Where.
        at: u64,
        /// The bytes of its entries.
        bytes: u32,
        /// The bytes of one.
        entry: u32,
    },
    /// Too many tables.
    #[error("there are more than {limit} tables")]
    TooManyTables {
        /// How many are.
        limit: usize,
    },
    /// Too many entries in EFI's configuration table.
    #[error("EFI has {found} configuration tables, more than the {limit} that are looked at")]
    ConfigurationTables {
        /// How many there are.
        found: u32,
        /// How many are looked at.
        limit: u32,
    },
    /// Xen refused a question.
    #[error("{call}: Xen refused with {errno}")]
    Refused {
        /// The question.
        call: PlatformCall,
        /// Why.
        errno: Errno,
    },
    /// EFI refused a question.
    #[error("{call}: EFI refused with {status}")]
    Status {
        /// The question.
        call: PlatformCall,
        /// Why.
        status: Status,
    },
    /// EFI's time does not exist.
    #[error(
        "EFI's time {:04}-{:02}-{:02} {:02}:{:02}:{:02}, {nanosecond} ns, zone {zone}, does not exist",
        .date.0, .date.1, .date.2, .time.0, .time.1, .time.2
    )]
    Time {
        /// Year, month, day.
        date: (u16, u8, u8),
        /// Hour, minute, second.
        time: (u8, u8, u8),
        /// Nanosecond.
        nanosecond: u32,
        /// Minutes behind UTC.
        zone: i16,
    },
    /// An invalid variable name.
    #[error("a variable's name of {units} characters has a NUL or more than {limit}")]
    Name {
        /// Its characters.
        units: usize,
        /// The most there can be.
        limit: usize,
    },
    /// EFI reports a variable longer than the buffer it was written to.
    #[error("EFI wrote a variable of {found} bytes to a buffer of {limit}")]
    VariableSize {
        /// Its bytes.
        found: u64,
        /// Those of the buffer.
        limit: usize,
    },
}

impl fmt::Display for PlatformCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "EFI's version",
            Self::RuntimeVersion => "EFI's runtime version",
            Self::Vendor => "EFI's vendor",
            Self::Configuration => "EFI's configuration table",
            Self::GetTime => "EFI's time",
            Self::GetVariable => "an EFI variable",
        })
    }
}
