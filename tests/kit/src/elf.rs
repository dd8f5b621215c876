//! ELF files for x86-64: objects of a compiler, programs of a linker, cores of the toolstack.
//!
//! *What this is*: section rows and bytes, written one after the other as given, right or wrong. The structures are
//! those of the crate `object`. Its writer is not used: it chooses the content and place of the symbol and name rows
//! itself, and tests must be able to break those.
//!
//! *What must hold*: the section table lies before the sections, so a file cut short loses them one by one.
//!
//! *What is not prevented*: a mistake in `object`'s structures, which the readers under test use too. Those readers are
//! also tested on files from a compiler, a linker and `xl`.

use object::LittleEndian;
use object::elf::{
    EM_X86_64, ET_CORE, ET_EXEC, ET_REL, FileHeader64, FileType, Ident, NoteHeader64, PT_LOAD, ProgramFlags,
    ProgramHeader64, SHT_NOBITS, SHT_NOTE, SHT_PROGBITS, SHT_RELA, SHT_STRTAB, SHT_SYMTAB, SectionFlags,
    SectionHeader64, SectionType, Sym64, SymbolInfo, SymbolOther, SymbolSection,
};
use object::endian::{U16, U32, U64};
use object::pod::bytes_of;

/// A writable section.
pub const WRITE: u64 = 1;
/// A section that takes memory.
pub const ALLOC: u64 = 2;
/// A section of code.
pub const EXECUTE: u64 = 4;

/// A section with bytes.
pub const PROGBITS: u32 = SHT_PROGBITS.0;
/// A section of relocations with addends.
pub const RELA: u32 = SHT_RELA.0;
/// A section of notes.
pub const NOTE: u32 = SHT_NOTE.0;
/// A section without bytes.
pub const NOBITS: u32 = SHT_NOBITS.0;

const LE: LittleEndian = LittleEndian;
const HEADER: u64 = size_of::<FileHeader64<LittleEndian>>() as u64;
const ROW: u64 = size_of::<SectionHeader64<LittleEndian>>() as u64;
const SEGMENT: u64 = size_of::<ProgramHeader64<LittleEndian>>() as u64;
const SYMBOL: u64 = size_of::<Sym64<LittleEndian>>() as u64;

/// What made the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A compiler: names are the last row.
    Object,
    /// A linker: the same.
    Program,
    /// `xl dump-core`: names are the first row and the last bytes, and there are no symbols.
    Core,
}

/// A symbol.
#[derive(Clone, Debug, Default)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// Its binding (upper half) and its type: 1 data, 2 a function.
    pub info: u8,
    /// The row of the section it is in.
    pub section: u16,
    /// Its address, or its offset in the section.
    pub value: u64,
    /// Its bytes.
    pub size: u64,
}

/// A section.
#[derive(Clone, Debug)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: u32,
    /// Its flags.
    pub flags: u64,
    /// The alignment in its row.
    pub align: u64,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// The size in its row.
    pub size: u64,
    /// The row it links to. For relocations, 0 stands for the symbol table's.
    pub link: u32,
    /// For relocations, the row that they are applied to.
    pub info: u32,
    /// The size of one of its entries.
    pub entry: u64,
    /// Its bytes begin in the file at a multiple of this.
    pub place: u64,
}

/// A part of memory that a program is loaded to. No bytes are kept for it.
#[derive(Clone, Copy, Debug)]
pub struct LoadSegment {
    /// Its first address.
    pub start: u64,
    /// Its size.
    pub len: u64,
    /// 1 executable, 2 writable, 4 readable.
    pub flags: u32,
}

/// A file in the making. Row 0, the symbols and the names are added when it is written.
#[derive(Clone, Debug)]
pub struct Elf {
    /// What made it.
    pub kind: Kind,
    /// Parts of memory.
    pub segments: Vec<LoadSegment>,
    /// Sections. The first has row 1; in a core, row 2.
    pub sections: Vec<Section>,
    /// Symbols. The first has number 1.
    pub symbols: Vec<Symbol>,
}

/// The names of a file, each ended by a zero.
struct Names(Vec<u8>);

impl Names {
    fn add(&mut self, name: &str) -> u32 {
        let at = self.0.len() as u32;
        self.0.extend(name.bytes());
        self.0.push(0);
        at
    }
}

impl Section {
    fn new(name: &str, kind: u32, flags: u64, bytes: &[u8]) -> Self {
        let (name, bytes, size) = (name.into(), bytes.to_vec(), bytes.len() as u64);
        Self { name, kind, flags, align: 16, bytes, size, link: 0, info: 0, entry: 0, place: 16 }
    }

    fn row(&self, name: u32, offset: u64) -> SectionHeader64<LittleEndian> {
        SectionHeader64 {
            sh_name: U32::new(LE, name),
            sh_type: U32::new(LE, SectionType(self.kind)),
            sh_flags: U64::new(LE, SectionFlags(self.flags)),
            sh_addr: U64::new(LE, 0),
            sh_offset: U64::new(LE, offset),
            sh_size: U64::new(LE, self.size),
            sh_link: U32::new(LE, self.link),
            sh_info: U32::new(LE, self.info),
            sh_addralign: U64::new(LE, self.align),
            sh_entsize: U64::new(LE, self.entry),
        }
    }
}

impl Elf {
    /// A file without content.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self { kind, segments: Vec::new(), sections: Vec::new(), symbols: Vec::new() }
    }

    /// Adds a section and returns it to be changed.
    pub fn section(&mut self, name: &str, kind: u32, flags: u64, bytes: &[u8]) -> &mut Section {
        let number = self.sections.len();
        self.sections.push(Section::new(name, kind, flags, bytes));
        &mut self.sections[number]
    }

    /// Adds a symbol and returns its number.
    pub fn symbol(&mut self, name: &str, info: u8, section: u16, value: u64) -> u64 {
        self.symbols.push(Symbol { name: name.into(), info, section, value, size: 0 });
        self.symbols.len() as u64
    }

    /// Writes the file as it is.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.spoiled(|_, _| {})
    }

    /// Writes the file. `change` may break the rows of the section table, the file offsets in them too.
    #[must_use]
    pub fn spoiled(&self, change: impl FnOnce(&mut [Section], &mut [u64])) -> Vec<u8> {
        let (mut rows, names, name_row) = self.rows();
        let mut end = HEADER + SEGMENT * self.segments.len() as u64 + ROW * (rows.len() as u64 + 1);
        let mut offsets = vec![0; rows.len()];
        let order = self.order(rows.len());
        for &row in &order {
            offsets[row] = end.next_multiple_of(rows[row].place);
            end = offsets[row] + rows[row].bytes.len() as u64;
        }
        let places = offsets.clone();
        change(&mut rows, &mut offsets);

        let mut file = self.headers(rows.len() as u16 + 1, name_row);
        file.resize(file.len() + ROW as usize, 0);
        for ((row, offset), name) in rows.iter().zip(&offsets).zip(names) {
            file.extend(bytes_of(&row.row(name, *offset)));
        }
        for row in order {
            file.resize(places[row] as usize, 0);
            file.extend(&rows[row].bytes);
        }
        file
    }

    /// Rows in the order in which their bytes lie in the file.
    fn order(&self, rows: usize) -> Vec<usize> {
        match self.kind {
            Kind::Core => (1..rows).chain([0]).collect(),
            Kind::Object | Kind::Program => (0..rows).collect(),
        }
    }

    /// All rows but row 0, the offset of each one's name, and the row of the names.
    fn rows(&self) -> (Vec<Section>, Vec<u32>, u16) {
        let mut rows = self.sections.clone();
        let mut strings = Names(vec![0]);
        if self.kind == Kind::Core {
            let mut names = Section::new(".shstrtab", SHT_STRTAB.0, 0, &[]);
            (names.align, names.place) = (0, 1);
            rows.insert(0, names);
            let names = rows.iter().map(|row| strings.add(&row.name)).collect();
            rows[0].size = strings.0.len() as u64;
            rows[0].bytes = strings.0;
            return (rows, names, 1);
        }
        let (symbols, names) = (rows.len() as u32 + 1, rows.len() as u32 + 2);
        rows.iter_mut().filter(|row| row.kind == RELA && row.link == 0).for_each(|row| row.link = symbols);
        let mut table = vec![0; SYMBOL as usize];
        for symbol in &self.symbols {
            let name = strings.add(&symbol.name);
            table.extend(bytes_of(&Sym64 {
                st_name: U32::new(LE, name),
                st_info: SymbolInfo(symbol.info),
                st_other: SymbolOther(0),
                st_shndx: U16::new(LE, SymbolSection(symbol.section)),
                st_value: U64::new(LE, symbol.value),
                st_size: U64::new(LE, symbol.size),
            }));
        }
        let mut table = Section::new(".symtab", SHT_SYMTAB.0, 0, &table);
        (table.link, table.entry) = (names, SYMBOL);
        rows.push(table);
        let mut places: Vec<u32> = rows.iter().map(|row| strings.add(&row.name)).collect();
        places.push(strings.add(".strtab"));
        rows.push(Section::new(".strtab", SHT_STRTAB.0, 0, &strings.0));
        (rows, places, names as u16)
    }

    /// The file header and the program headers.
    fn headers(&self, rows: u16, name_row: u16) -> Vec<u8> {
        let segments = self.segments.len() as u64;
        let header = FileHeader64 {
            e_ident: Ident {
                magic: object::elf::ELFMAG,
                class: object::elf::ELFCLASS64,
                data: object::elf::ELFDATA2LSB,
                version: object::elf::EV_CURRENT,
                os_abi: object::elf::ELFOSABI_NONE,
                abi_version: 0,
                padding: [0; 7],
            },
            e_type: U16::new(LE, self.kind.number()),
            e_machine: U16::new(LE, EM_X86_64),
            e_version: U32::new(LE, object::elf::EV_CURRENT.0.into()),
            e_entry: U64::new(LE, 0),
            e_phoff: U64::new(LE, if segments == 0 { 0 } else { HEADER }),
            e_shoff: U64::new(LE, HEADER + SEGMENT * segments),
            e_flags: U32::new(LE, object::elf::FileFlags(0)),
            e_ehsize: U16::new(LE, HEADER as u16),
            e_phentsize: U16::new(LE, SEGMENT as u16),
            e_phnum: U16::new(LE, segments as u16),
            e_shentsize: U16::new(LE, ROW as u16),
            e_shnum: U16::new(LE, rows),
            e_shstrndx: U16::new(LE, SymbolSection(name_row)),
        };
        let mut file = bytes_of(&header).to_vec();
        for segment in &self.segments {
            file.extend(bytes_of(&ProgramHeader64 {
                p_type: U32::new(LE, PT_LOAD),
                p_flags: U32::new(LE, ProgramFlags(segment.flags)),
                p_offset: U64::new(LE, 0),
                p_vaddr: U64::new(LE, segment.start),
                p_paddr: U64::new(LE, segment.start),
                p_filesz: U64::new(LE, 0),
                p_memsz: U64::new(LE, segment.len),
                p_align: U64::new(LE, 4096),
            }));
        }
        file
    }
}

impl Kind {
    const fn number(self) -> FileType {
        match self {
            Self::Object => ET_REL,
            Self::Program => ET_EXEC,
            Self::Core => ET_CORE,
        }
    }
}

/// A note of Xen's in a section of notes.
#[must_use]
pub fn xen_note(kind: u32, content: &[u8]) -> Vec<u8> {
    let header = NoteHeader64 {
        n_namesz: U32::new(LE, 4),
        n_descsz: U32::new(LE, content.len() as u32),
        n_type: U32::new(LE, object::elf::NoteType(kind)),
    };
    [bytes_of(&header), b"Xen\0", content].concat()
}

/// A program with these parts of memory: a kernel.
#[must_use]
pub fn kernel(segments: &[LoadSegment], symbols: &[Symbol]) -> Vec<u8> {
    let (segments, symbols) = (segments.to_vec(), symbols.to_vec());
    Elf { segments, symbols, ..Elf::new(Kind::Program) }.bytes()
}

#[cfg(test)]
mod tests {
    use super::{Elf, Kind, PROGBITS, RELA};

    fn word(file: &[u8], at: usize, len: usize) -> u64 {
        file[at..at + len].iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// By the tables of the System V ABI (chapter 4, "ELF Header", "Sections"), without a reader.
    #[test]
    fn every_field_is_where_the_abi_has_it() {
        let mut elf = Elf::new(Kind::Object);
        elf.section(".a", PROGBITS, 6, &[1, 2, 3]);
        let rela = elf.section(".r", RELA, 0, &[9; 24]);
        (rela.info, rela.entry, rela.align) = (1, 24, 8);
        elf.symbol("s", 0x12, 1, 0x55);
        let file = elf.bytes();
        assert_eq!(file[..7], [0x7f, b'E', b'L', b'F', 2, 1, 1]);
        // Type, machine, place of the rows, bytes of this header and of a row, number of rows, row of the names.
        let header = [(16, 2, 1), (18, 2, 62), (40, 8, 64), (52, 2, 64), (58, 2, 64), (60, 2, 5), (62, 2, 4)];
        for (at, len, expected) in header {
            assert_eq!(word(&file, at, len), expected, "header {at}");
        }
        // Type, flags, size, link, info, alignment and bytes of an entry of rows 1 to 4.
        let rows = [
            [1, 6, 3, 0, 0, 16, 0],
            [4, 0, 24, 3, 1, 8, 24],
            [2, 0, 48, 4, 0, 16, 24],
            [3, 0, 25, 0, 0, 16, 0],
        ];
        for (row, expected) in rows.iter().enumerate() {
            let at = 64 + 64 * (row + 1);
            let fields = [(4, 4), (8, 8), (32, 8), (40, 4), (44, 4), (48, 8), (56, 8)];
            assert_eq!(fields.map(|(field, len)| word(&file, at + field, len)), *expected, "row {}", row + 1);
        }
        let bytes = |row: usize| {
            let [at, len] = [24, 32].map(|field| word(&file, 64 + 64 * row + field, 8) as usize);
            assert!(at.is_multiple_of(16), "row {row} at {at}");
            &file[at..at + len]
        };
        assert_eq!((bytes(1), bytes(2)), (&[1, 2, 3][..], &[9; 24][..]));
        assert_eq!(bytes(4), b"\0s\0.a\0.r\0.symtab\0.strtab\0");
        // The second symbol: name, info, other, section, value, size.
        let symbol = [(0, 4, 1), (4, 1, 0x12), (5, 1, 0), (6, 2, 1), (8, 8, 0x55), (16, 8, 0)];
        for (at, len, expected) in symbol {
            assert_eq!(word(&bytes(3)[24..], at, len), expected, "symbol {at}");
        }
    }
}
