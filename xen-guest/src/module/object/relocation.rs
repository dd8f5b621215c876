//! The relocations of a module, and what each stores.
//!
//! *What this is*: [`collect`] reads the RELA tables of the loaded sections; [`RelocationKind`] knows the arithmetic.
//!
//! *What must hold*: the place lies inside its section, so a plan cannot write anywhere else.
//!
//! *What is not prevented*: two relocations of one place. [`crate::module::Content`] refuses what they store.

use alloc::vec::Vec;

use object::elf::{R_X86_64_NONE, Rela64, SHT_CREL, SHT_REL, SHT_RELA, SHT_RELR};
use object::endian::LittleEndian;
use object::read::elf::{Rela, SectionHeader};

use crate::module::{
    error::ModuleError,
    object::{
        elf::{ENDIAN, Object},
        relocation_kind::RelocationKind,
        section::{Section, find},
    },
};

/// A relocation of a loaded section.
#[derive(Debug, Clone, Copy)]
pub(in crate::module) struct Relocation {
    pub(in crate::module) kind: RelocationKind,
    /// The index of the relocated section in the file.
    pub(in crate::module) section: usize,
    /// Where it stores, counted from the section's first byte.
    pub(in crate::module) offset: u64,
    /// The index of the symbol in the file; it exists.
    pub(in crate::module) symbol: u32,
    pub(in crate::module) addend: i64,
}

/// Collects the relocations of all loaded sections, in the file's order.
pub(in crate::module) fn collect(
    object: &Object<'_>,
    sections: &[Section<'_>],
) -> Result<Vec<Relocation>, ModuleError> {
    let mut relocations = Vec::new();
    for (_, row) in object.rows() {
        let form = row.sh_type(ENDIAN);
        if !matches!(form, SHT_RELA | SHT_REL | SHT_RELR | SHT_CREL) {
            continue;
        }
        let target = row.sh_info(ENDIAN);
        object.row(target.into(), || object.name(row))?;
        // Debug information is not loaded; its readers relocate it.
        let Some(section) = find(sections, target as usize) else { continue };
        if form != SHT_RELA {
            return Err(ModuleError::RelocationForm { section: object.name(row), kind: form.0 });
        }
        object.check_entries(row, size_of::<Rela64<LittleEndian>>() as u64)?;
        object.check_link(row)?;
        let Some((entries, _)) = row.rela(ENDIAN, object.file()).map_err(ModuleError::Malformed)? else {
            continue;
        };
        relocations
            .try_reserve(entries.len())
            .map_err(|_| ModuleError::NoMemory { entries: entries.len() })?;
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
) -> Result<Option<Relocation>, ModuleError> {
    let name = || object.name(section.row);
    let (offset, kind) = (entry.r_offset(ENDIAN), entry.r_type(ENDIAN, false));
    if kind == R_X86_64_NONE {
        return Ok(None);
    }
    let Some(kind) = RelocationKind::new(kind) else {
        return Err(ModuleError::RelocationType { section: name(), offset, kind: kind.0 });
    };
    let width = kind.width() as u64;
    if offset.checked_add(width).is_none_or(|end| end > section.size) {
        return Err(ModuleError::RelocationOutside { section: name(), offset, width, size: section.size });
    }
    let (symbol, symbols) = (entry.r_sym(ENDIAN, false), object.symbols().len() as u64);
    if u64::from(symbol) >= symbols {
        return Err(ModuleError::SymbolIndex { section: name(), index: symbol.into(), symbols });
    }
    Ok(Some(Relocation { kind, section: section.index, offset, symbol, addend: entry.r_addend(ENDIAN) }))
}
