//! The status of an EFI service.

use core::fmt;

/// A status code (UEFI 2.10, appendix D). Errors have the highest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u64);

impl Status {
    /// Done.
    pub const SUCCESS: Self = Self(0);
    /// The service does not exist.
    pub const UNSUPPORTED: Self = Self::error(3);
    /// The buffer is too small.
    pub const BUFFER_TOO_SMALL: Self = Self::error(5);
    /// No such variable.
    pub const NOT_FOUND: Self = Self::error(14);

    const fn error(number: u64) -> Self {
        Self(1 << 63 | number)
    }

    const fn name(self) -> Option<&'static str> {
        if self.0 == 0 {
            return Some("EFI_SUCCESS");
        }
        if self.0 >> 63 == 0 {
            return None;
        }
        Some(match self.0 & !(1 << 63) {
            1 => "EFI_LOAD_ERROR",
            2 => "EFI_INVALID_PARAMETER",
            3 => "EFI_UNSUPPORTED",
            4 => "EFI_BAD_BUFFER_SIZE",
            5 => "EFI_BUFFER_TOO_SMALL",
            6 => "EFI_NOT_READY",
            7 => "EFI_DEVICE_ERROR",
            8 => "EFI_WRITE_PROTECTED",
            9 => "EFI_OUT_OF_RESOURCES",
            10 => "EFI_VOLUME_CORRUPTED",
            14 => "EFI_NOT_FOUND",
            15 => "EFI_ACCESS_DENIED",
            18 => "EFI_TIMEOUT",
            19 => "EFI_NOT_STARTED",
            21 => "EFI_ABORTED",
            26 => "EFI_SECURITY_VIOLATION",
            27 => "EFI_CRC_ERROR",
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "status {:#x}", self.0),
        }
    }
}
