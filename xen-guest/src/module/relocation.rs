//! The relocations of a module, and what each stores.
//!
//! *What this is*: [`collect`] reads the RELA tables of the loaded sections; [`Kind`] knows the arithmetic of the
//! x86-64 psABI (chapter "Relocation"): S is the symbol's address, A the addend, P the place, sums wrap at 2^64.
//!
//! *What must hold*: the place lies inside its section, so a plan can write nowhere else.
//!
//! *What is not prevented*: two relocations of one place. [`super::Content`] refuses what they store.

use alloc::vec::Vec;
use core::fmt;

use object::elf::{
    R_X86_64_32, R_X86_64_32S, R_X86_64_64, R_X86_64_GOTPCREL, R_X86_64_GOTPCRELX, R_X86_64_NONE,
    R_X86_64_PC32, R_X86_64_PC64, R_X86_64_PLT32, R_X86_64_REX_GOTPCRELX, Rela64, RelocationType, SHT_CREL,
    SHT_REL, SHT_RELA, SHT_RELR,
};
use object::endian::LittleEndian;
use object::read::elf::{Rela, SectionHeader};

use super::elf::{ENDIAN, Object};
use super::error::Error;
use super::section::{Section, find};

/// What a relocation computes and how wide its field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `R_X86_64_64`: S + A.
    Absolute64,
    /// `R_X86_64_32`: S + A, which must be the zero-extension of 32 bits.
    Unsigned32,
    /// `R_X86_64_32S`: S + A, which must be the sign-extension of 32 bits.
    Signed32,
    /// `R_X86_64_PC32` and `R_X86_64_PLT32`: S + A - P. Nothing needs a jump table, for the window is in a call's reach.
    Relative32,
    /// `R_X86_64_PC64`: S + A - P.
    Relative64,
    /// `R_X86_64_GOTPCREL` and its relaxable forms: the address of a slot that holds S, + A - P.
    ///
    /// A linker would rewrite most of these instructions to do without the slot. We give each symbol its slot instead: it
    /// is right for every instruction, and no instruction has to be decoded to load a module.
    Slot32,
}

impl Kind {
    /// Returns the kind of an ELF relocation type, if it is one we know.
    const fn new(kind: RelocationType) -> Option<Self> {
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

    /// Computes what to store at `place`, or gives the value back that does not fit.
    ///
    /// `symbol` is the symbol's address, for [`Kind::Slot32`] its slot's.
    pub(super) fn value(self, symbol: u64, addend: i64, place: u64) -> Result<u64, u64> {
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

/// Tells whether a value is the sign-extension of its low 32 bits.
fn is_signed_32(value: u64) -> bool {
    i32::try_from(value.cast_signed()).is_ok()
}

impl fmt::Display for Kind {
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

/// A relocation of a loaded section.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relocation {
    pub(super) kind: Kind,
    /// The index of the relocated section in the file.
    pub(super) section: usize,
    /// Where it stores, counted from the section's first byte.
    pub(super) offset: u64,
    /// The index of the symbol in the file; it exists.
    pub(super) symbol: u32,
    pub(super) addend: i64,
}

/// Collects the relocations of all loaded sections, in the file's order.
pub(super) fn collect(object: &Object<'_>, sections: &[Section<'_>]) -> Result<Vec<Relocation>, Error> {
    let mut relocations = Vec::new();
    for (_, row) in object.rows() {
        let form = row.sh_type(ENDIAN);
        if !matches!(form, SHT_RELA | SHT_REL | SHT_RELR | SHT_CREL) {
            continue;
        }
        let target = row.sh_info(ENDIAN);
        object.row(target.into(), || object.name(row))?;
        // Debug information is relocated by whoever reads it.
        let Some(section) = find(sections, target as usize) else { continue };
        if form != SHT_RELA {
            return Err(Error::RelocationForm { section: object.name(row), kind: form.0 });
        }
        object.check_entries(row, size_of::<Rela64<LittleEndian>>() as u64)?;
        object.check_link(row)?;
        let Some((entries, _)) = row.rela(ENDIAN, object.file()).map_err(Error::Malformed)? else { continue };
        relocations.try_reserve(entries.len()).map_err(|_| Error::NoMemory { entries: entries.len() })?;
        for entry in entries {
            relocations.extend(read(object, entry, section)?);
        }
    }
    Ok(relocations)
}

/// Checks one relocation against its section and the symbol table; `None` for the type that does nothing.
fn read(
    object: &Object<'_>,
    entry: &Rela64<LittleEndian>,
    section: &Section<'_>,
) -> Result<Option<Relocation>, Error> {
    let name = || object.name(section.row);
    let (offset, kind) = (entry.r_offset(ENDIAN), entry.r_type(ENDIAN, false));
    if kind == R_X86_64_NONE {
        return Ok(None);
    }
    let Some(kind) = Kind::new(kind) else {
        return Err(Error::RelocationType { section: name(), offset, kind: kind.0 });
    };
    let width = kind.width() as u64;
    if offset.checked_add(width).is_none_or(|end| end > section.size) {
        return Err(Error::RelocationOutside { section: name(), offset, width, size: section.size });
    }
    let (symbol, symbols) = (entry.r_sym(ENDIAN, false), object.symbols().len() as u64);
    if u64::from(symbol) >= symbols {
        return Err(Error::SymbolIndex { section: name(), index: symbol.into(), symbols });
    }
    Ok(Some(Relocation { kind, section: section.index, offset, symbol, addend: entry.r_addend(ENDIAN) }))
}
