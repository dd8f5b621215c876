//! Why a module is refused, in one line each.
//!
//! *What this is*: one flat enum for the whole loader. Every variant holds the values found and the limits they broke.
//!
//! *What must hold*: a line stays one line whatever bytes the module brings; [`Name`] sees to it.
//!
//! *What is not prevented*: two causes in one object. The first one found is named.

use alloc::{boxed::Box, string::String};
use core::fmt::{self, Write as _};

use start_info::PageCount;
use x86_64::VirtAddr;

use crate::module::object::relocation_kind::Kind;

/// A name out of a module or archive, made fit for one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The longest name kept; generics make Rust's symbols long, and a console line is not.
    const LIMIT: usize = 96;

    /// Makes a name from bytes nobody has checked: control characters are escaped, a long tail is cut.
    #[must_use]
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let mut name = String::new();
        for character in String::from_utf8_lossy(bytes.get(..Self::LIMIT).unwrap_or(bytes)).chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                name.extend(character.escape_default());
            } else {
                name.push(character);
            }
        }
        if bytes.len() > Self::LIMIT {
            name.push('…');
        }
        Self(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an archive or a module is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Where an archive entry should start there is something else.
    NotAnArchive {
        /// Where, counted from the first byte of the ramdisk, or of what was unpacked.
        offset: u64,
        /// What is there instead of the magic number.
        found: [u8; 6],
    },
    /// A field of an archive entry's header is no hexadecimal number.
    ArchiveField {
        /// Where the field starts.
        offset: u64,
        /// What it holds.
        found: [u8; 8],
    },
    /// The archive ends inside an entry, or before its trailer.
    TruncatedArchive {
        /// Where the piece that is cut off starts.
        offset: u64,
        /// How many bytes it should have.
        wanted: u64,
        /// How many there are.
        present: u64,
    },
    /// An archive is compressed in a way that is not known here.
    Compression {
        /// Where it starts.
        offset: u64,
        /// The program that undoes it.
        name: &'static str,
    },
    /// A gzip is of a kind that does not exist.
    GzipHeader {
        /// Where it starts.
        offset: u64,
        /// Its method of compression.
        method: u8,
        /// Its flags.
        flags: u8,
    },
    /// The ramdisk ends inside a gzip.
    GzipTruncated {
        /// Where it starts.
        offset: u64,
        /// How many bytes follow from there.
        present: u64,
    },
    /// A gzip holds what no compressor writes.
    GzipData {
        /// Where it starts.
        offset: u64,
        /// Where it goes wrong, about.
        at: u64,
    },
    /// A gzip does not unpack to what went in.
    GzipCheck {
        /// Where it starts.
        offset: u64,
        /// Checksum and length of what comes out.
        found: (u32, u32),
        /// What it says they were.
        wanted: (u32, u32),
    },
    /// What is packed is more than anybody means.
    UnpacksTooLarge {
        /// Where the gzip starts.
        offset: u64,
        /// How many bytes a ramdisk may unpack to.
        limit: u64,
    },
    /// The heap cannot hold what a gzip unpacks to.
    NoRoomToUnpack {
        /// Where it starts.
        offset: u64,
        /// How many bytes were wanted.
        bytes: u64,
    },
    /// What is wrong with what a gzip holds.
    InGzip {
        /// Where it starts.
        offset: u64,
        /// What is wrong, and where in what it unpacks to.
        cause: Box<Error>,
    },
    /// Two modules in the archive have the same name.
    DuplicateModule {
        /// The name.
        module: Name,
    },
    /// The archive has no module of that name.
    NoSuchModule {
        /// The name asked for.
        module: Name,
        /// How many modules the archive has.
        present: usize,
    },
    /// The bytes do not start like an ELF file.
    NotElf {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A field of the ELF header says that this is no x86-64 relocatable object.
    Header {
        /// The field, by its name in the ELF specification.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it must hold.
        wanted: u64,
    },
    /// The file ends before one of its pieces does.
    Truncated {
        /// The piece: a table or a section.
        piece: Name,
        /// Where it ends.
        end: u64,
        /// How many bytes the file has.
        present: u64,
    },
    /// The ELF crate found a table it cannot read.
    Malformed(object::read::Error),
    /// A table's size is no multiple of its entries' size.
    TableSize {
        /// The section that holds the table.
        section: Name,
        /// Its size in bytes.
        size: u64,
        /// The size of one entry.
        entry: u64,
    },
    /// Two sections share bytes of the file.
    Overlap {
        /// The section that starts first.
        first: Name,
        /// The one that starts before the first has ended.
        second: Name,
        /// Where the second one starts in the file.
        offset: u64,
    },
    /// A section is writable and executable.
    WritableCode {
        /// The section.
        section: Name,
    },
    /// A section's alignment is no power of two, or larger than a module may ask for.
    Alignment {
        /// The section.
        section: Name,
        /// The alignment it asks for.
        found: u64,
    },
    /// A section of a type or with flags the loader does not handle (constructors, thread-local, compressed).
    SectionKind {
        /// The section.
        section: Name,
        /// Its `sh_type`.
        kind: u32,
        /// Its `sh_flags`.
        flags: u64,
    },
    /// The module does not fit into the room there is.
    TooLarge {
        /// The section that goes over the limit.
        section: Name,
        /// Its size in bytes.
        size: u64,
        /// The room for the whole module.
        room: PageCount,
    },
    /// An index leads to no section.
    SectionIndex {
        /// The section or symbol that holds the index.
        holder: Name,
        /// The index.
        index: u64,
        /// How many sections there are.
        sections: u64,
    },
    /// A relocation names a symbol the table does not have.
    SymbolIndex {
        /// The relocated section.
        section: Name,
        /// The index.
        index: u64,
        /// How many symbols there are.
        symbols: u64,
    },
    /// A symbol of a kind that has no address here (thread-local, indirect, common).
    SymbolKind {
        /// The symbol.
        symbol: Name,
        /// Its type, `STT_*`.
        kind: u8,
        /// Its section index, `SHN_*` if reserved.
        section: u16,
    },
    /// A symbol lies in a section that is not loaded.
    NotLoaded {
        /// The symbol.
        symbol: Name,
        /// The index of its section.
        section: u64,
    },
    /// A symbol lies behind the end of its section.
    SymbolOutside {
        /// The symbol.
        symbol: Name,
        /// Its value.
        value: u64,
        /// The size of its section.
        size: u64,
    },
    /// A section's relocations are in a form x86-64 does not use (`REL`, `RELR`, `CREL`).
    RelocationForm {
        /// The section that holds them.
        section: Name,
        /// Its `sh_type`.
        kind: u32,
    },
    /// A relocation of a type the loader does not know.
    RelocationType {
        /// The relocated section.
        section: Name,
        /// Where in it.
        offset: u64,
        /// The type, `R_X86_64_*`.
        kind: u32,
    },
    /// A relocation writes behind the end of its section.
    RelocationOutside {
        /// The relocated section.
        section: Name,
        /// Where in it.
        offset: u64,
        /// How many bytes it writes.
        width: u64,
        /// The size of the section.
        size: u64,
    },
    /// The value of a relocation does not fit into its field.
    Overflow {
        /// The symbol it refers to.
        symbol: Name,
        /// What is computed.
        kind: Kind,
        /// Where the field is.
        place: u64,
        /// What would have to be stored.
        value: u64,
    },
    /// The module calls for a symbol nobody exports.
    Unresolved {
        /// The symbol.
        symbol: Name,
    },
    /// A symbol that others define or want has a name that is not read to its end.
    LongName {
        /// The front of the name.
        symbol: Name,
        /// The longest that is linked.
        limit: usize,
    },
    /// The module defines no entry function.
    NoEntry {
        /// The name it must have.
        symbol: &'static str,
    },
    /// An entry function is not code.
    EntryNotCode {
        /// Its name.
        symbol: &'static str,
    },
    /// The address offered is not aligned as the module needs, or the module does not fit behind it.
    Base {
        /// The address.
        base: VirtAddr,
        /// The alignment it needs.
        alignment: u64,
        /// The size of the module.
        pages: PageCount,
    },
    /// A module says nothing about itself under a key.
    NoInfo {
        /// The key.
        key: &'static str,
    },
    /// A module has two values for a key.
    InfoTwice {
        /// The key.
        key: &'static str,
    },
    /// A module's value for a key is none.
    InfoValue {
        /// The key.
        key: &'static str,
        /// The value.
        found: Name,
    },
    /// A module was built for another kernel.
    Abi {
        /// The version of the ABI it was built for.
        built: u32,
        /// The kernel's.
        kernel: u32,
    },
    /// A file is named otherwise than its module.
    OtherName {
        /// The name by the file.
        file: Name,
        /// The name by the module itself.
        module: Name,
    },
    /// A module that another one needs is not there.
    NoSuchNeed {
        /// The module.
        module: Name,
        /// What it needs.
        need: Name,
    },
    /// Modules need each other.
    Circle {
        /// All of them, the first one twice.
        members: Name,
    },
    /// What a module exports is no symbol it defines, global, and for as long as it is loaded.
    ExportKind {
        /// The symbol.
        symbol: Name,
    },
    /// A symbol is exported already.
    ExportTwice {
        /// The symbol.
        symbol: Name,
        /// Who exports it.
        holder: Name,
    },
    /// Two relocations store at the same place.
    PatchesMeet {
        /// Where, counted from the module's first byte.
        offset: u64,
    },
    /// What is wrong, and with which module.
    OfModule {
        /// The module.
        module: Name,
        /// What is wrong.
        cause: Box<Error>,
    },
    /// The heap has no room for the plan itself.
    NoMemory {
        /// How many entries of a table were wanted.
        entries: usize,
    },
}

impl Error {
    /// Says which module it is about.
    #[must_use]
    pub(crate) fn of_module(self, module: &str) -> Self {
        Self::OfModule { module: Name::new(module.as_bytes()), cause: Box::new(self) }
    }

    /// Says that it is about what the gzip at that byte of the ramdisk unpacks to.
    pub(super) fn in_gzip(self, offset: u64) -> Self {
        Self::InGzip { offset, cause: Box::new(self) }
    }
}

/// Bytes as they are, because they are no text.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_char(' ')?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnArchive { offset, found } => write!(
                f,
                "no archive entry at byte {offset:#x}: found {}, a newc cpio has 30 37 30 37 30 31",
                Hex(found)
            ),
            Self::ArchiveField { offset, found } => {
                write!(f, "archive header field at byte {offset:#x} is no hexadecimal number: {}", Hex(found))
            }
            Self::TruncatedArchive { offset, wanted, present } => write!(
                f,
                "ramdisk archive is truncated: {wanted:#x} bytes wanted at byte {offset:#x}, {present:#x} present"
            ),
            Self::Compression { offset, name } => write!(
                f,
                "what starts at byte {offset:#x} is compressed with {name}, which is not known here; use gzip, or nothing"
            ),
            Self::GzipHeader { offset, method, flags } => write!(
                f,
                "gzip at byte {offset:#x} has method {method} and flags {flags:#x}, must be 8 and below 0x20"
            ),
            Self::GzipTruncated { offset, present } => {
                write!(f, "gzip at byte {offset:#x} is truncated: its {present:#x} bytes end before its data")
            }
            Self::GzipData { offset, at } => {
                write!(
                    f,
                    "gzip at byte {offset:#x} is damaged: what stands at byte {at:#x} cannot be unpacked"
                )
            }
            Self::GzipCheck { offset, found, wanted } => write!(
                f,
                "gzip at byte {offset:#x} is damaged: it unpacks to {:#x} bytes with checksum {:#x}, must be {:#x} with {:#x}",
                found.1, found.0, wanted.1, wanted.0
            ),
            Self::UnpacksTooLarge { offset, limit } => write!(
                f,
                "gzip at byte {offset:#x} makes the ramdisk unpack to more than {limit:#x} bytes, the limit"
            ),
            Self::NoRoomToUnpack { offset, bytes } => write!(
                f,
                "heap is full: no room for {bytes:#x} bytes to unpack the gzip at byte {offset:#x}; \
                 give the guest more memory, or a ramdisk that is smaller or not compressed"
            ),
            Self::InGzip { offset, cause } => {
                write!(f, "in what the gzip at byte {offset:#x} unpacks to: {cause}")
            }
            Self::DuplicateModule { module } => write!(f, "the ramdisk has two modules named {module}"),
            Self::NoSuchModule { module, present } => {
                write!(f, "the ramdisk has no modules/{module}.ko among its {present} modules")
            }
            Self::NotElf { found } => write!(f, "no ELF file: starts with {}, not 7f 45 4c 46", Hex(found)),
            Self::Header { field, found, wanted } => {
                write!(f, "no x86-64 relocatable object: {field} is {found:#x}, must be {wanted:#x}")
            }
            Self::Truncated { piece, end, present } => {
                write!(f, "object is truncated: {piece} ends at {end:#x}, the file at {present:#x}")
            }
            Self::Malformed(cause) => write!(f, "object is malformed: {cause}"),
            Self::TableSize { section, size, entry } => {
                write!(f, "section {section} is {size:#x} bytes, no multiple of its entries' {entry:#x}")
            }
            Self::Overlap { first, second, offset } => {
                write!(f, "sections {first} and {second} overlap in the file at {offset:#x}")
            }
            Self::WritableCode { section } => write!(f, "section {section} is both writable and executable"),
            Self::Alignment { section, found } => write!(
                f,
                "section {section} asks for alignment {found:#x}, must be a power of two up to {:#x}",
                crate::module::object::part_kind::ALIGNMENT_LIMIT
            ),
            Self::SectionKind { section, kind, flags } => {
                write!(f, "section {section} of type {kind:#x} with flags {flags:#x} cannot be loaded")
            }
            Self::TooLarge { section, size, room } => {
                write!(f, "module is too large: section {section} of {size:#x} bytes goes over {room} pages")
            }
            Self::SectionIndex { holder, index, sections } => {
                write!(f, "{holder} refers to section {index} of {sections}")
            }
            Self::SymbolIndex { section, index, symbols } => {
                write!(f, "a relocation of section {section} refers to symbol {index} of {symbols}")
            }
            Self::SymbolKind { symbol, kind, section } => {
                write!(f, "symbol {symbol} of type {kind} in section {section:#x} has no address in a module")
            }
            Self::NotLoaded { symbol, section } => {
                write!(f, "symbol {symbol} lies in section {section}, which is not loaded")
            }
            Self::SymbolOutside { symbol, value, size } => {
                write!(f, "symbol {symbol} is at {value:#x} of a section of {size:#x} bytes")
            }
            Self::RelocationForm { section, kind } => {
                write!(
                    f,
                    "section {section} holds relocations of form {kind:#x}, only RELA (0x4) is used on x86-64"
                )
            }
            Self::RelocationType { section, offset, kind } => {
                write!(f, "relocation at {offset:#x} of section {section} has unknown type {kind}")
            }
            Self::RelocationOutside { section, offset, width, size } => write!(
                f,
                "relocation of {width} bytes at {offset:#x} is outside section {section} of {size:#x} bytes"
            ),
            Self::Overflow { symbol, kind, place, value } => {
                write!(f, "{kind} relocation at {place:#x} to symbol {symbol} overflows: {value:#x}")
            }
            Self::Unresolved { symbol } => write!(f, "symbol {symbol} is exported by nobody"),
            Self::LongName { symbol, limit } => {
                write!(f, "symbol {symbol} has a name of more than {limit} bytes, the longest that is linked")
            }
            Self::NoEntry { symbol } => write!(f, "module defines no global function {symbol}"),
            Self::EntryNotCode { symbol } => write!(f, "{symbol} does not lie in executable code"),
            Self::Base { base, alignment, pages } => write!(
                f,
                "module of {pages} pages cannot lie at {:#x}: needs alignment {alignment:#x} and room behind it",
                base.as_u64()
            ),
            Self::NoInfo { key } => write!(f, "module says no {key}= in its section .modinfo"),
            Self::InfoTwice { key } => write!(f, "module says {key}= twice in its section .modinfo"),
            Self::InfoValue { key, found } => write!(f, "module says {key}={found}, which cannot be"),
            Self::Abi { built, kernel } => {
                write!(f, "module was built for ABI {built} of the kernel, this kernel has ABI {kernel}")
            }
            Self::OtherName { file, module } => {
                write!(f, "modules/{file}.ko calls itself {module}; name the file {module}.ko")
            }
            Self::NoSuchNeed { module, need } => {
                write!(f, "module {module} needs {need}, which the ramdisk does not have")
            }
            Self::Circle { members } => write!(f, "modules need each other: {members}"),
            Self::ExportKind { symbol } => {
                write!(f, "export {symbol} is no global symbol that the module defines and keeps")
            }
            Self::ExportTwice { symbol, holder } => {
                write!(f, "symbol {symbol} is exported by {holder} already")
            }
            Self::PatchesMeet { offset } => write!(f, "two relocations store at {offset:#x} of the module"),
            Self::OfModule { module, cause } => write!(f, "module {module}: {cause}"),
            Self::NoMemory { entries } => write!(f, "heap is full: no room for {entries} entries of a plan"),
        }
    }
}

impl core::error::Error for Error {}
