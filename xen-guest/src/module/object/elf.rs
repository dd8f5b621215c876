//! Opens a module's file: header, section table, symbol table.
//!
//! *What this is*: the `object` crate reads the tables. This file first checks that the file is of the one kind we
//! load, that every section lies inside it, and that sections do not overlap.
//!
//! *What must hold*: all indices taken from the file go through [`Object::row`] or the symbol table's checked lookup.
//!
//! *What is not prevented*: a string table that holds nonsense. Names are only compared and printed.

use alloc::vec::Vec;

use object::elf::{FileHeader64, SHT_NOBITS, SHT_NULL, SHT_SYMTAB, SectionHeader64, Sym64};
use object::endian::LittleEndian;
use object::read::SectionIndex;
use object::read::elf::{FileHeader, SectionHeader, SectionTable, Sym as _, SymbolTable};

use crate::module::{error::ModuleError, name::PrintableName};

/// The byte order of everything in the file, already checked.
pub(in crate::module) const ENDIAN: LittleEndian = LittleEndian;

/// The file header of the one class and byte order we load.
pub(in crate::module) type Header = FileHeader64<LittleEndian>;

/// One row of the section table.
pub(in crate::module) type Row = SectionHeader64<LittleEndian>;

/// The longest name that is read to its end. A table of names may have no NUL at all; reading every name to the end
/// would then take quadratic time.
pub(in crate::module) const MAX_NAME_LEN: usize = 512;

/// A module's file whose tables lie inside it.
pub(in crate::module) struct Object<'a> {
    bytes: &'a [u8],
    sections: SectionTable<'a, Header>,
    symbols: SymbolTable<'a, Header>,
    section_names: &'a [u8],
    symbol_names: &'a [u8],
}

/// A name of a symbol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::module) enum Text<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// The start of one that is longer than [`MAX_NAME_LEN`].
    Front(&'a [u8]),
}

impl<'a> Text<'a> {
    /// Reads the name at an offset of a table; `None` if the table ends first.
    fn read(table: &'a [u8], at: u32) -> Option<Self> {
        let rest = table.get(at as usize..)?;
        match rest.iter().take(MAX_NAME_LEN + 1).position(|byte| *byte == 0) {
            Some(len) => rest.get(..len).map(Self::Whole),
            None if rest.len() > MAX_NAME_LEN => rest.get(..MAX_NAME_LEN).map(Self::Front),
            None => None,
        }
    }

    /// Returns the bytes that were read.
    pub(in crate::module) const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Whole(bytes) | Self::Front(bytes) => bytes,
        }
    }
}

impl<'a> Object<'a> {
    /// Checks the header and reads the tables.
    pub(in crate::module) fn open(bytes: &'a [u8]) -> Result<Self, ModuleError> {
        let header = header(bytes)?;
        let table = header.e_shoff(ENDIAN);
        let count = header.shnum(ENDIAN, bytes).map_err(|_| end_of_table(bytes, table, 1))?;
        header.section_headers(ENDIAN, bytes).map_err(|cause| {
            let cut = end_of_table(bytes, table, count.into());
            if matches!(cut, ModuleError::Truncated { end, present, .. } if end > present) {
                cut
            } else {
                ModuleError::Malformed(cause)
            }
        })?;
        let sections = header.sections(ENDIAN, bytes).map_err(ModuleError::Malformed)?;
        let symbols = SymbolTable::default();
        let mut object = Self { bytes, sections, symbols, section_names: &[], symbol_names: &[] };
        let names = header.shstrndx(ENDIAN, bytes).map_err(ModuleError::Malformed)?;
        object.section_names = object.table(SectionIndex(names as usize));
        object.check_extents()?;
        for (_, row) in object.rows().filter(|(_, row)| row.sh_type(ENDIAN) == SHT_SYMTAB) {
            object.check_entries(row, size_of::<Sym64<LittleEndian>>() as u64)?;
        }
        object.symbols =
            object.sections.symbols(ENDIAN, bytes, SHT_SYMTAB).map_err(ModuleError::Malformed)?;
        object.symbol_names = object.table(object.symbols.string_section());
        Ok(object)
    }

    /// Returns the bytes of a table of names; empty if there is no such section.
    fn table(&self, index: SectionIndex) -> &'a [u8] {
        let row = self.sections.section(index).ok();
        // A name that is looked for in an empty table is not found, which is an error of its own.
        row.and_then(|row| row.data(ENDIAN, self.bytes).ok()).unwrap_or_default()
    }

    /// Returns the rows of the section table with their indices, without the empty row 0.
    pub(in crate::module) fn rows(&self) -> impl Iterator<Item = (usize, &'a Row)> {
        self.sections.enumerate().map(|(index, row)| (index.0, row)).skip(1)
    }

    /// Returns the row of that index; `holder` names what refers to it.
    pub(in crate::module) fn row(
        &self,
        index: u64,
        holder: impl FnOnce() -> PrintableName,
    ) -> Result<&'a Row, ModuleError> {
        usize::try_from(index)
            .ok()
            .and_then(|index| self.sections.section(SectionIndex(index)).ok())
            .ok_or_else(|| ModuleError::SectionIndex {
                holder: holder(),
                index,
                sections: self.sections.len() as u64,
            })
    }

    /// Returns the symbol table; empty if the file has none.
    pub(in crate::module) const fn symbols(&self) -> &SymbolTable<'a, Header> {
        &self.symbols
    }

    /// Returns a section's bytes in the file; none for `.bss` and similar ones.
    pub(in crate::module) fn bytes(&self, row: &Row) -> Result<&'a [u8], ModuleError> {
        row.data(ENDIAN, self.bytes).map_err(ModuleError::Malformed)
    }

    /// Returns the whole file, for the table readers of the `object` crate.
    pub(in crate::module) const fn file(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns a section's name as the file has it, or the start of a long one.
    pub(in crate::module) fn raw_name(&self, row: &Row) -> &'a [u8] {
        Text::read(self.section_names, row.sh_name(ENDIAN)).map_or(b"(unnamed)", Text::bytes)
    }

    /// Returns a symbol's name.
    pub(in crate::module) fn symbol_name(
        &self,
        symbol: &Sym64<LittleEndian>,
    ) -> Result<Text<'a>, ModuleError> {
        match Text::read(self.symbol_names, symbol.st_name(ENDIAN)) {
            Some(text) => Ok(text),
            // The name has no end; the `object` crate reports that too.
            None => self.symbols.symbol_name(ENDIAN, symbol).map(Text::Whole).map_err(ModuleError::Malformed),
        }
    }

    /// Tells whether a symbol has this name.
    pub(in crate::module) fn is_named(&self, symbol: &Sym64<LittleEndian>, name: &[u8]) -> bool {
        let found = self.symbol_names.get(symbol.st_name(ENDIAN) as usize..);
        found.and_then(|found| found.strip_prefix(name)).is_some_and(|behind| behind.first() == Some(&0))
    }

    /// Returns a section's name, fit for printing.
    pub(in crate::module) fn name(&self, row: &Row) -> PrintableName {
        PrintableName::new(self.raw_name(row))
    }

    /// Checks that a table's size is a whole number of entries. The `object` crate would not say which table is wrong.
    pub(in crate::module) fn check_entries(&self, row: &Row, entry: u64) -> Result<(), ModuleError> {
        let size = row.sh_size(ENDIAN);
        if size.is_multiple_of(entry) {
            Ok(())
        } else {
            Err(ModuleError::TableSize { section: self.name(row), size, entry })
        }
    }

    /// Checks that a table of relocations refers to the symbol table that is read.
    pub(in crate::module) fn check_link(&self, row: &Row) -> Result<(), ModuleError> {
        if row.link(ENDIAN) == self.symbols.section() {
            return Ok(());
        }
        let (index, sections) = (row.sh_link(ENDIAN).into(), self.sections.len() as u64);
        Err(ModuleError::SectionIndex { holder: self.name(row), index, sections })
    }

    /// Checks that every section lies inside the file, and that no two overlap in it.
    fn check_extents(&self) -> Result<(), ModuleError> {
        let present = self.bytes.len() as u64;
        let mut extents: Vec<(u64, u64, &Row)> = Vec::new();
        let entries = self.sections.len();
        extents.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
        for (_, row) in self.rows() {
            let (start, size) = (row.sh_offset(ENDIAN), row.sh_size(ENDIAN));
            if matches!(row.sh_type(ENDIAN), SHT_NULL | SHT_NOBITS) || size == 0 {
                continue;
            }
            let end = start.saturating_add(size);
            if end > present {
                return Err(ModuleError::Truncated { piece: self.piece(row), end, present });
            }
            extents.push((start, end, row));
        }
        extents.sort_unstable_by_key(|(start, ..)| *start);
        for (before, after) in extents.iter().zip(extents.iter().skip(1)) {
            if after.0 < before.1 {
                let [first, second] = [before.2, after.2].map(|row| self.name(row));
                return Err(ModuleError::Overlap { first, second, offset: after.0 });
            }
        }
        Ok(())
    }

    /// Returns "section NAME"; the name is missing if the file is cut before the names.
    fn piece(&self, row: &Row) -> PrintableName {
        PrintableName::new(alloc::format!("section {}", self.name(row)).as_bytes())
    }
}

/// Checks that the file is an x86-64 relocatable object of the current ELF version.
fn header(bytes: &[u8]) -> Result<&Header, ModuleError> {
    if bytes.iter().zip(b"\x7fELF").any(|(found, wanted)| found != wanted) {
        let mut found = [0; 4];
        found.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        return Err(ModuleError::NotElf { found });
    }
    let len = size_of::<Header>();
    let Some(&[_, _, _, _, class, order, version, ..]) = bytes.get(..len) else {
        let piece = PrintableName::new(b"the file header");
        return Err(ModuleError::Truncated { piece, end: len as u64, present: bytes.len() as u64 });
    };
    // The class and byte order decide where the other fields are, so they are read first, from the raw bytes.
    for (field, found, wanted) in [("EI_CLASS", class, 2), ("EI_DATA", order, 1), ("EI_VERSION", version, 1)]
    {
        check(field, found.into(), wanted)?;
    }
    let header = Header::parse(bytes).map_err(ModuleError::Malformed)?;
    check("e_type", header.e_type(ENDIAN).0.into(), 1)?;
    check("e_machine", header.e_machine(ENDIAN).0.into(), 62)?;
    check("e_version", header.e_version(ENDIAN).into(), 1)?;
    check("e_shentsize", header.e_shentsize(ENDIAN).into(), size_of::<Row>() as u64)?;
    Ok(header)
}

/// Compares one header field with the only value we load.
const fn check(field: &'static str, found: u64, wanted: u64) -> Result<(), ModuleError> {
    if found == wanted { Ok(()) } else { Err(ModuleError::Header { field, found, wanted }) }
}

/// Returns where a section table of `count` rows ends.
fn end_of_table(bytes: &[u8], start: u64, count: u64) -> ModuleError {
    let end = start.saturating_add(count.saturating_mul(size_of::<Row>() as u64));
    ModuleError::Truncated {
        piece: PrintableName::new(b"the section table"),
        end,
        present: bytes.len() as u64,
    }
}
