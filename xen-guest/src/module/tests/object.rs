//! Makes small relocatable objects, right or wrong in one place.
//!
//! The section table lies right behind the file header, so that a cut in the file meets the sections one by one.

use std::string::String;
use std::vec::Vec;

pub(super) const WRITE: u64 = 1;
pub(super) const ALLOC: u64 = 2;
pub(super) const EXECUTE: u64 = 4;

pub(super) const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
pub(super) const RELA: u32 = 4;
pub(super) const NOBITS: u32 = 8;

/// Indices of the sections [`Object::new`] makes, in the file.
pub(super) const TEXT: u16 = 1;
pub(super) const RODATA: u16 = 2;
pub(super) const DATA: u16 = 3;
/// `.modinfo`; the next section that is added comes behind it.
pub(super) const SAYS: u16 = 5;

/// What a good module says about itself.
pub(super) const INFO: &[u8] = b"name=good\0version=1.0\0license=MIT\0abi=1\0";

/// A symbol.
#[derive(Clone)]
pub(super) struct Symbol {
    pub(super) name: String,
    pub(super) info: u8,
    pub(super) section: u16,
    pub(super) value: u64,
}

/// A section; `size` counts for those without bytes.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) kind: u32,
    pub(super) flags: u64,
    pub(super) align: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) size: u64,
    pub(super) link: u32,
    pub(super) info: u32,
}

/// An object in the making. Section 0, the symbol table and the string table are added when it is written.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) sections: Vec<Section>,
    pub(super) symbols: Vec<Symbol>,
}

impl Object {
    /// Makes an object with 32 bytes each of `.text`, `.rodata` and `.data`, 0x2000 bytes of `.bss` and `module_init`.
    pub(super) fn new() -> Self {
        let mut object = Self { sections: Vec::new(), symbols: Vec::new() };
        object.section(".text", PROGBITS, ALLOC | EXECUTE, &[0x90; 32]);
        object.section(".rodata", PROGBITS, ALLOC, &[0x11; 32]);
        object.section(".data", PROGBITS, ALLOC | WRITE, &[0x22; 32]);
        object.section(".bss", NOBITS, ALLOC | WRITE, &[]).size = 0x2000;
        object.section(".modinfo", PROGBITS, 0, INFO);
        object.symbol("module_init", 0x12, TEXT, 16);
        object
    }

    /// Makes an object that says something else about itself.
    pub(super) fn saying(info: &[u8]) -> Self {
        let mut object = Self::new();
        object.sections[usize::from(SAYS) - 1].bytes = info.to_vec();
        object.sections[usize::from(SAYS) - 1].size = info.len() as u64;
        object
    }

    /// Adds a section and gives it back to be changed.
    pub(super) fn section(&mut self, name: &str, kind: u32, flags: u64, bytes: &[u8]) -> &mut Section {
        let (name, bytes, size) = (name.into(), bytes.to_vec(), bytes.len() as u64);
        self.sections.push(Section { name, kind, flags, align: 16, bytes, size, link: 0, info: 0 });
        self.sections.last_mut().unwrap()
    }

    /// Adds a symbol and returns its index.
    pub(super) fn symbol(&mut self, name: &str, info: u8, section: u16, value: u64) -> u64 {
        self.symbols.push(Symbol { name: name.into(), info, section, value });
        self.symbols.len() as u64
    }

    /// Adds a section with one relocation of `section`.
    pub(super) fn relocation(
        &mut self,
        section: u16,
        offset: u64,
        kind: u64,
        symbol: u64,
        addend: i64,
    ) -> &mut Self {
        let fields = [offset, symbol << 32 | kind, addend.cast_unsigned()];
        let bytes: Vec<u8> = fields.iter().flat_map(|field| field.to_le_bytes()).collect();
        let row = self.section(".rela", RELA, 0, &bytes);
        // Zero stands for the symbol table until its index is known.
        (row.link, row.info, row.align) = (0, section.into(), 8);
        self
    }

    /// Writes the object; `change` may spoil the rows of the section table first.
    pub(super) fn spoiled(&self, change: impl FnOnce(&mut [Section], &mut [u64])) -> Vec<u8> {
        let mut sections = self.sections.clone();
        let (symtab, strtab) = (sections.len() as u32 + 1, sections.len() as u32 + 2);
        sections.iter_mut().filter(|row| row.kind == RELA && row.link == 0).for_each(|row| row.link = symtab);

        let mut strings = std::vec![0];
        let mut intern = |name: &str| {
            let at = strings.len() as u32;
            strings.extend(name.bytes());
            strings.push(0);
            at
        };
        let mut symbols = std::vec![0; 24];
        for symbol in &self.symbols {
            symbols.extend(intern(&symbol.name).to_le_bytes());
            symbols.extend([symbol.info, 0]);
            symbols.extend(symbol.section.to_le_bytes());
            symbols.extend(symbol.value.to_le_bytes());
            symbols.extend(0_u64.to_le_bytes());
        }
        let mut names: Vec<u32> = sections.iter().map(|section| intern(&section.name)).collect();
        names.extend([intern(".symtab"), intern(".strtab")]);
        let mut table = Self { sections, symbols: Vec::new() };
        table.section(".symtab", SYMTAB, 0, &symbols).link = strtab;
        table.section(".strtab", STRTAB, 0, &strings);
        let mut sections = table.sections;

        let rows = sections.len() + 1;
        let mut offset = 64 + 64 * rows as u64;
        let mut offsets = Vec::new();
        for section in &sections {
            offset = offset.next_multiple_of(16);
            offsets.push(offset);
            offset += section.bytes.len() as u64;
        }
        let places = offsets.clone();
        change(&mut sections, &mut offsets);

        let mut file = Vec::new();
        file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        file.extend([1, 0, 62, 0, 1, 0, 0, 0]);
        for field in [0, 0, 64_u64] {
            file.extend(field.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for field in [64, 0, 0, 64, rows as u16, strtab as u16] {
            file.extend(field.to_le_bytes());
        }
        file.extend([0; 64]);
        for ((section, offset), name) in sections.iter().zip(&offsets).zip(names) {
            file.extend([name, section.kind].map(u32::to_le_bytes).as_flattened());
            file.extend([section.flags, 0, *offset, section.size].map(u64::to_le_bytes).as_flattened());
            file.extend([section.link, section.info].map(u32::to_le_bytes).as_flattened());
            file.extend([section.align, 0].map(u64::to_le_bytes).as_flattened());
        }
        for (section, place) in sections.iter().zip(places) {
            file.resize(place as usize, 0);
            file.extend(&section.bytes);
        }
        file
    }

    /// Writes the object as it is.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.spoiled(|_, _| {})
    }
}
