//! EFI's variables.
//!
//! *What must hold*: a [`VariableName`] ends with its only NUL: Xen reads up to it.

use core::fmt;

use arrayvec::ArrayVec;

use crate::firmware::{
    efi::{
        facts::{EfiCalls, optional},
        guid::Guid,
        status::Status,
    },
    error::{FirmwareError, PlatformCall},
};

/// Characters of a name, its NUL included.
const NAME_UNITS: usize = 64;
/// The longest variable that is read.
const MAX_BYTES: usize = 1024;

/// A variable's name in EFI's characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableName(ArrayVec<u16, NAME_UNITS>);

impl VariableName {
    /// Makes a name.
    ///
    /// # Errors
    /// [`FirmwareError::Name`] when it is longer than 63 characters, or has a NUL.
    pub fn new(name: &str) -> Result<Self, FirmwareError> {
        let refused = || FirmwareError::Name { units: name.encode_utf16().count(), limit: NAME_UNITS - 1 };
        let mut units = ArrayVec::new();
        for unit in name.encode_utf16() {
            if unit == 0 {
                return Err(refused());
            }
            units.try_push(unit).map_err(|_| refused())?;
        }
        units.try_push(0).map_err(|_| refused())?;
        Ok(Self(units))
    }

    /// Returns the characters and the NUL.
    #[must_use]
    pub fn units(&self) -> &[u16] {
        &self.0
    }
}

/// The bytes of a variable.
pub type VariableBytes = ArrayVec<u8, MAX_BYTES>;

/// A variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Bit 0: kept over a reset; bit 1: for boot services; bit 2: for runtime services.
    pub attributes: u32,
    /// Its bytes.
    pub bytes: VariableBytes,
}

/// Asks EFI for a variable of at most 1024 bytes; `None` when there is no such variable, or Xen does not use the
/// runtime services.
///
/// # Errors
/// [`FirmwareError::Refused`] and [`FirmwareError::Status`] when Xen or EFI refuses, [`FirmwareError::VariableSize`]
/// when the answer is longer than the buffer.
pub(crate) fn efi_variable<E: EfiCalls>(
    efi: &mut E,
    name: &VariableName,
    owner: Guid,
) -> Result<Option<Variable>, FirmwareError> {
    let mut buffer = [0; MAX_BYTES];
    let call = PlatformCall::GetVariable;
    let Some(answer) = optional(call, efi.efi_get_variable(name, owner, &mut buffer))? else {
        return Ok(None);
    };
    let (attributes, found) = answer.value;
    match answer.status {
        Status::SUCCESS => {}
        Status::NOT_FOUND | Status::UNSUPPORTED => return Ok(None),
        status => return Err(FirmwareError::Status { call, status }),
    }
    let bytes = usize::try_from(found).ok().and_then(|len| buffer.get(..len));
    let bytes = bytes.and_then(|bytes| VariableBytes::try_from(bytes).ok());
    let bytes = bytes.ok_or(FirmwareError::VariableSize { found, limit: MAX_BYTES })?;
    Ok(Some(Variable { attributes, bytes }))
}

/// The bytes in hexadecimal, the first 16 of them.
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes.len())?;
        for byte in self.bytes.iter().take(16) {
            write!(f, " {byte:02x}")?;
        }
        f.write_str(if self.bytes.len() > 16 { " …" } else { "" })
    }
}
