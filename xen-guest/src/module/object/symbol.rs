//! The symbols a module's relocations refer to.
//!
//! *What this is*: a symbol's name and its [`Place`]: inside the module, at a fixed value, or where its exporter has
//! it.
//!
//! *What must hold*: only symbols that something refers to are read; an object may contain others that have no meaning
//! here.
//!
//! *What is not prevented*: a weak symbol that nobody defines. It counts as unresolved, where C would make it null; no
//! module here treats a kernel function as optional.

use alloc::vec::Vec;

use object::elf::{
    Rela64, SHN_ABS, SHN_UNDEF, SHT_RELA, STB_GLOBAL, STB_LOCAL, STT_GNU_IFUNC, STT_TLS, SymbolType,
};
use object::endian::LittleEndian;
use object::read::SymbolIndex;
use object::read::elf::{Rela, SectionHeader, Sym};

use crate::module::{
    error::ModuleError,
    name::PrintableName,
    object::{
        elf::{ENDIAN, MAX_NAME_LEN, Object, Text},
        part_kind::PartKind,
        section::{Section, find},
    },
};

/// Where a symbol is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) enum Place {
    /// At an offset in the module.
    Inside(u64),
    /// At a fixed value.
    Absolute(u64),
    /// Where its exporter has it.
    Import,
}

/// A symbol that a relocation refers to.
#[derive(Debug, Clone)]
pub(in crate::module) struct Symbol<'a> {
    /// Its index in the file, by which relocations refer to it.
    pub(in crate::module) index: u32,
    /// Its name as the file has it; the section's, if it has none of its own.
    pub(in crate::module) name: &'a [u8],
    pub(in crate::module) place: Place,
    /// The offset of the slot that holds its address, if some code reads it from one.
    pub(in crate::module) slot: Option<u64>,
}

impl<'a> Symbol<'a> {
    /// Reads the symbol of that index from the table.
    pub(in crate::module) fn read(
        object: &Object<'a>,
        sections: &[Section<'a>],
        index: u32,
    ) -> Result<Self, ModuleError> {
        // The first symbol stands for "no symbol", value zero.
        if index == 0 {
            return Ok(Self { index, name: b"(none)", place: Place::Absolute(0), slot: None });
        }
        let table = object.symbols();
        let at = SymbolIndex(index as usize);
        let symbol = table.symbol(at).map_err(ModuleError::Malformed)?;
        let text = object.symbol_name(symbol)?;
        let mut name = text.bytes();
        let kind = symbol.st_type();
        let reserved = symbol.st_shndx(ENDIAN);
        let refuse = || ModuleError::SymbolKind {
            symbol: PrintableName::new(name),
            kind: kind.0,
            section: reserved.0,
        };
        if !has_address(kind) {
            return Err(refuse());
        }
        let value = symbol.st_value(ENDIAN);
        let place = match table.symbol_section(ENDIAN, symbol, at).map_err(ModuleError::Malformed)? {
            Some(section) => {
                let section = section.0;
                let row = object.row(section as u64, || PrintableName::new(name))?;
                let home = find(sections, section).ok_or_else(|| ModuleError::NotLoaded {
                    symbol: PrintableName::new(name),
                    section: section as u64,
                })?;
                if name.is_empty() {
                    name = object.raw_name(row);
                }
                // One past the end is allowed, for symbols that mark an end.
                if value > home.size {
                    return Err(ModuleError::SymbolOutside {
                        symbol: PrintableName::new(name),
                        value,
                        size: home.size,
                    });
                }
                Place::Inside(home.offset + value)
            }
            None if reserved == SHN_ABS => Place::Absolute(value),
            None if reserved == SHN_UNDEF => {
                whole(text)?;
                Place::Import
            }
            None => return Err(refuse()),
        };
        Ok(Self { index, name, place, slot: None })
    }
}

/// Returns the name by which a symbol is found; it must have been read to its end.
fn whole(text: Text<'_>) -> Result<&[u8], ModuleError> {
    match text {
        Text::Whole(name) => Ok(name),
        Text::Front(front) => {
            Err(ModuleError::LongName { symbol: PrintableName::new(front), limit: MAX_NAME_LEN })
        }
    }
}

/// Tells whether a symbol of that type is at its value: not thread-local, and not resolved by a function.
const fn has_address(kind: SymbolType) -> bool {
    !matches!(kind, STT_TLS | STT_GNU_IFUNC)
}

/// The section that holds an address of each symbol a module exports; its relocations name them.
pub(in crate::module) const EXPORTS: &[u8] = b".modexport";

/// A symbol that a module lends to others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) struct Exported<'a> {
    pub(in crate::module) name: &'a str,
    /// Where it is, counted from the module's first byte.
    pub(in crate::module) offset: u64,
}

/// Collects what a module exports: what the relocations of its export section refer to.
pub(in crate::module) fn exports<'a>(
    object: &Object<'a>,
    sections: &[Section<'a>],
) -> Result<Vec<Exported<'a>>, ModuleError> {
    let mut exports: Vec<Exported<'a>> = Vec::new();
    let table = object.symbols();
    for (_, row) in object.rows().filter(|(_, row)| row.sh_type(ENDIAN) == SHT_RELA) {
        let target = row.sh_info(ENDIAN).into();
        if object.raw_name(object.row(target, || object.name(row))?) != EXPORTS {
            continue;
        }
        object.check_entries(row, size_of::<Rela64<LittleEndian>>() as u64)?;
        object.check_link(row)?;
        let Some((entries, _)) = row.rela(ENDIAN, object.file()).map_err(ModuleError::Malformed)? else {
            continue;
        };
        exports.try_reserve(entries.len()).map_err(|_| ModuleError::NoMemory { entries: entries.len() })?;
        for entry in entries {
            let (index, symbols) = (entry.r_sym(ENDIAN, false), table.len() as u64);
            if u64::from(index) >= symbols {
                return Err(ModuleError::SymbolIndex {
                    section: PrintableName::new(EXPORTS),
                    index: index.into(),
                    symbols,
                });
            }
            let at = SymbolIndex(index as usize);
            let row = table.symbol(at).map_err(ModuleError::Malformed)?;
            let symbol = Symbol::read(object, sections, index)?;
            let refuse = || ModuleError::ExportKind { symbol: PrintableName::new(symbol.name) };
            let named = entry.r_addend(ENDIAN) == 0 && row.st_bind() == STB_GLOBAL;
            let (Place::Inside(offset), true) = (symbol.place, named) else { return Err(refuse()) };
            let home = table.symbol_section(ENDIAN, row, at).map_err(ModuleError::Malformed)?;
            let home = home.and_then(|section| find(sections, section.0));
            if home.is_none_or(|section| section.kind.is_init()) {
                return Err(refuse());
            }
            let name = core::str::from_utf8(whole(object.symbol_name(row)?)?).map_err(|_| refuse())?;
            exports.push(Exported { name, offset });
        }
    }
    exports.sort_unstable_by_key(|export| export.name);
    for (before, after) in exports.iter().zip(exports.iter().skip(1)) {
        if before.name == after.name {
            let symbol = PrintableName::new(after.name.as_bytes());
            return Err(ModuleError::ExportTwice {
                symbol,
                holder: PrintableName::new(b"the module itself"),
            });
        }
    }
    Ok(exports)
}

/// Finds a global function the loader itself calls, and returns its offset.
pub(in crate::module) fn entry(
    object: &Object<'_>,
    sections: &[Section<'_>],
    wanted: &'static str,
    allowed: impl Fn(PartKind) -> bool,
) -> Result<Option<u64>, ModuleError> {
    let table = object.symbols();
    for (index, symbol) in table.enumerate() {
        let defined = symbol.st_bind() != STB_LOCAL && symbol.st_shndx(ENDIAN) != SHN_UNDEF;
        if !defined || !object.is_named(symbol, wanted.as_bytes()) {
            continue;
        }
        let kind = symbol.st_type();
        if !has_address(kind) {
            let (symbol, section) = (PrintableName::new(wanted.as_bytes()), symbol.st_shndx(ENDIAN).0);
            return Err(ModuleError::SymbolKind { symbol, kind: kind.0, section });
        }
        let section = table.symbol_section(ENDIAN, symbol, index).map_err(ModuleError::Malformed)?;
        let home = section.and_then(|section| find(sections, section.0));
        let value = symbol.st_value(ENDIAN);
        return match home {
            Some(home) if allowed(home.kind) && value < home.size => Ok(Some(home.offset + value)),
            _ => Err(ModuleError::EntryNotCode { symbol: wanted }),
        };
    }
    Ok(None)
}
