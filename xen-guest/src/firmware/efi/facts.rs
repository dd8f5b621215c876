//! What Xen reports about the EFI it was started from.
//!
//! *What this is*: [`EfiCalls`], the questions that Xen answers for dom0 (`platform.h`, XENPF_firmware_info and
//! XENPF_efi_runtime_call), and the answers as checked values. EFI itself is called by Xen, never by this domain.
//!
//! *What must hold*: "not started from EFI" (ENOSYS) is a value, [`None`], and so is a feature that this EFI does not
//! have (EOPNOTSUPP).
//!
//! *What is not prevented*: firmware that gives a wrong but well-formed answer.

use core::fmt;

use arrayvec::ArrayString;
use mmu::Errno;
use start_info::Maddr;

use crate::firmware::{
    efi::{guid::Guid, status::Status, time::Time, variable::VariableName},
    error::{FirmwareError, PlatformCall},
};

/// How many characters of the vendor's name are requested.
const VENDOR_UNITS: usize = 64;

/// The answer of a runtime service: its status, and a value that is valid if the status is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EfiAnswer<T> {
    /// The status.
    pub status: Status,
    /// The value.
    pub value: T,
}

/// The questions about EFI that Xen answers. An errno is Xen's refusal; ENOSYS stands for a host without EFI.
pub trait EfiCalls {
    /// Returns EFI's version.
    ///
    /// # Errors
    /// Xen's.
    fn efi_version(&mut self) -> Result<u32, Errno>;

    /// Returns the version of the runtime services.
    ///
    /// # Errors
    /// Xen's; EOPNOTSUPP where it does not use them.
    fn efi_runtime_version(&mut self) -> Result<u32, Errno>;

    /// Returns the machine address of the configuration table, and its number of entries.
    ///
    /// # Errors
    /// Xen's.
    fn efi_configuration(&mut self) -> Result<(u64, u32), Errno>;

    /// Fills in the vendor's name, with a NUL if there is room, and returns the vendor's revision.
    ///
    /// # Errors
    /// Xen's; EOPNOTSUPP where it has no name.
    fn efi_vendor(&mut self, name: &mut [u16]) -> Result<u32, Errno>;

    /// Returns the bytes of an `EFI_TIME`.
    ///
    /// # Errors
    /// Xen's; EOPNOTSUPP where it does not use the runtime services.
    fn efi_get_time(&mut self) -> Result<EfiAnswer<[u8; 16]>, Errno>;

    /// Fills in a variable, and returns its attributes and its bytes.
    ///
    /// # Errors
    /// Xen's; EOPNOTSUPP where it does not use the runtime services.
    fn efi_get_variable(
        &mut self,
        name: &VariableName,
        owner: Guid,
        bytes: &mut [u8],
    ) -> Result<EfiAnswer<(u32, u64)>, Errno>;
}

/// A version as EFI writes it: major in the upper half, tens of minor and one of patch in the lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// Who made the firmware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vendor {
    /// The name, cut after 64 characters; unprintable characters become question marks.
    pub name: ArrayString<256>,
    /// The vendor's own revision.
    pub revision: u32,
}

/// What Xen knows of EFI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EfiFacts {
    /// The version of the system table.
    pub version: Version,
    /// The version of the runtime services; `None` where Xen does not use them.
    pub runtime: Option<Version>,
    /// The vendor, where Xen kept the name.
    pub vendor: Option<Vendor>,
    /// Where the configuration table is.
    pub configuration: Maddr,
    /// How many entries it has.
    pub tables: u32,
}

/// Asks Xen for what it knows of EFI; `None` when it was not started from EFI.
///
/// # Errors
/// [`FirmwareError::Refused`] when Xen refuses, as it does to a domain other than dom0; [`FirmwareError::Address`] for
/// a configuration table at an impossible address.
pub(crate) fn efi_facts<E: EfiCalls>(efi: &mut E) -> Result<Option<EfiFacts>, FirmwareError> {
    let version = match efi.efi_version() {
        Ok(version) => Version(version),
        Err(Errno::ENOSYS) => return Ok(None),
        Err(errno) => return Err(FirmwareError::Refused { call: PlatformCall::Version, errno }),
    };
    let runtime = optional(PlatformCall::RuntimeVersion, efi.efi_runtime_version())?.map(Version);
    let mut name = [0; VENDOR_UNITS];
    let revision = optional(PlatformCall::Vendor, efi.efi_vendor(&mut name))?;
    let vendor = revision.map(|revision| Vendor { name: text(&name), revision });
    let (at, tables) = efi
        .efi_configuration()
        .map_err(|errno| FirmwareError::Refused { call: PlatformCall::Configuration, errno })?;
    let configuration = Maddr::try_new(at).map_err(|_| FirmwareError::Address {
        what: "EFI's configuration table",
        at,
        bytes: 24 * u64::from(tables),
    })?;
    Ok(Some(EfiFacts { version, runtime, vendor, configuration, tables }))
}

/// Asks EFI for the time; `None` where it has no clock, or Xen does not use its runtime services.
///
/// # Errors
/// [`FirmwareError::Refused`] and [`FirmwareError::Status`] when Xen or EFI refuses, [`FirmwareError::Time`] for an
/// impossible time.
pub(crate) fn efi_time<E: EfiCalls>(efi: &mut E) -> Result<Option<Time>, FirmwareError> {
    let Some(answer) = optional(PlatformCall::GetTime, efi.efi_get_time())? else { return Ok(None) };
    match answer.status {
        Status::SUCCESS => Time::parse(&answer.value).map(Some),
        Status::UNSUPPORTED => Ok(None),
        status => Err(FirmwareError::Status { call: PlatformCall::GetTime, status }),
    }
}

/// Turns "this host has no such thing" into `None`.
pub(in crate::firmware) fn optional<T>(
    call: PlatformCall,
    result: Result<T, Errno>,
) -> Result<Option<T>, FirmwareError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOSYS | Errno::EOPNOTSUPP) => Ok(None),
        Err(errno) => Err(FirmwareError::Refused { call, errno }),
    }
}

/// Converts UTF-16 to text, up to its NUL or its end.
fn text(units: &[u16]) -> ArrayString<256> {
    let units = units.iter().copied().take_while(|unit| *unit != 0);
    let mut text = ArrayString::new();
    // Invalid units become question marks, like control characters.
    for sign in char::decode_utf16(units).map(|sign| sign.unwrap_or('?')) {
        let sign = if sign.is_control() { '?' } else { sign };
        if text.try_push(sign).is_err() {
            break;
        }
    }
    text
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor) = (self.0 >> 16, self.0 & 0xffff);
        write!(f, "{major}.{}", minor / 10)?;
        if minor % 10 == 0 { Ok(()) } else { write!(f, ".{}", minor % 10) }
    }
}

impl fmt::Display for EfiFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EFI {}", self.version)?;
        match &self.vendor {
            Some(Vendor { name, revision }) => write!(f, " by {name} (revision {revision:#x})")?,
            None => f.write_str(" by a vendor without a name")?,
        }
        match self.runtime {
            Some(version) => write!(f, ", runtime services {version}")?,
            None => f.write_str(", no runtime services")?,
        }
        write!(f, ", {} configuration tables at {}", self.tables, self.configuration)
    }
}
