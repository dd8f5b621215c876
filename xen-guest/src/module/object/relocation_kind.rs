//! The kinds of relocation this loader knows.
//!
//! *What this is*: the arithmetic of the x86-64 psABI (chapter "Relocation"): S is the symbol's address, A the addend,
//! P the place, sums wrap at 2^64.

use core::fmt;

use object::elf::{
    R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_PC32,
    R_X86_64_PC64, R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, RelocationType,
};

/// Tells whether a value is the sign-extension of its low 32 bits.
fn is_signed_32(value: u64) -> bool {
    i32::try_from(value.cast_signed()).is_ok()
}

/// What a relocation computes and how wide its field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelocationKind {
    /// `R_X86_64_64`: S + A.
    Absolute64,
    /// `R_X86_64_32`: S + A, which must be the zero-extension of 32 bits.
    Unsigned32,
    /// `R_X86_64_32S`: S + A, which must be the sign-extension of 32 bits.
    Signed32,
    /// `R_X86_64_PC32` and `R_X86_64_PLT32`: S + A - P. No jump table is needed, because the window is within a call's
    /// reach.
    Relative32,
    /// `R_X86_64_PC64`: S + A - P.
    Relative64,
    /// `R_X86_64_GOTPCREL` and its relaxable forms: the address of a slot that holds S, + A - P.
    ///
    /// A linker would rewrite most of these instructions to avoid the slot. We give each symbol a slot instead: that
    /// works for every instruction, and no instruction has to be decoded.
    Slot32,
}

impl RelocationKind {
    /// Returns the kind of an ELF relocation type, if it is one we know.
    pub(in crate::module) const fn new(kind: RelocationType) -> Option<Self> {
        Some(match kind {
            R_X86_64_64 => Self::Absolute64,
            R_X86_64_32 => Self::Unsigned32,
            R_X86_64_32S => Self::Signed32,
            R_X86_64_PC32 | R_X86_64_PLT32 => Self::Relative32,
            R_X86_64_PC64 => Self::Relative64,
            R_X86_64_GOTPCREL | R_X86_64_GOTPCRELX | R_X86_64_REX_GOTPCRELX => Self::Slot32,
            _ => return None,
        })
    }

    /// Returns how many bytes are stored.
    #[must_use]
    pub(crate) const fn width(self) -> usize {
        match self {
            Self::Absolute64 | Self::Relative64 => 8,
            Self::Unsigned32 | Self::Signed32 | Self::Relative32 | Self::Slot32 => 4,
        }
    }

    /// Computes what to store at `place`, or returns the value that does not fit.
    ///
    /// `symbol` is the symbol's address, for [`RelocationKind::Slot32`] its slot's.
    pub(in crate::module) fn value(self, symbol: u64, addend: i64, place: u64) -> Result<u64, u64> {
        let absolute = symbol.wrapping_add_signed(addend);
        let (value, fits) = match self {
            Self::Absolute64 => (absolute, true),
            Self::Unsigned32 => (absolute, u32::try_from(absolute).is_ok()),
            Self::Signed32 => (absolute, is_signed_32(absolute)),
            Self::Relative64 => (absolute.wrapping_sub(place), true),
            Self::Relative32 | Self::Slot32 => {
                let distance = absolute.wrapping_sub(place);
                (distance, is_signed_32(distance))
            }
        };
        if fits { Ok(value) } else { Err(value) }
    }
}

impl fmt::Display for RelocationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absolute64 => "64-bit",
            Self::Unsigned32 => "unsigned 32-bit",
            Self::Signed32 => "signed 32-bit",
            Self::Relative32 => "relative 32-bit",
            Self::Relative64 => "relative 64-bit",
            Self::Slot32 => "slot-relative 32-bit",
        })
    }
}
