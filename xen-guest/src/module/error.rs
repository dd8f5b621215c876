//! Why a module is refused, in one line each.
//!
//! *What this is*: one enum for the whole loader, flat except for errors of the ramdisk. Every variant holds the values
//! found and the limits they broke.
//!
//! *What must hold*: a line stays one line, whatever bytes the module contains; [`PrintableName`] ensures that.
//!
//! *What is not prevented*: two causes in one object. The first one found is named.

use alloc::boxed::Box;

use start_info::PageCount;
use x86_64::VirtAddr;

use crate::module::{
    hex::Hex,
    name::PrintableName,
    object::{part_kind::ALIGNMENT_LIMIT, relocation_kind::RelocationKind},
    ramdisk::error::{ArchiveError, GzipError},
};

/// Why an archive or a module is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// An archive cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A gzip cannot be unpacked.
    #[error(transparent)]
    Gzip(#[from] GzipError),
    /// An archive is compressed in an unsupported way.
    #[error(
        "what starts at byte {offset:#x} is compressed with {name}, which is not known here; use gzip, or nothing"
    )]
    Compression {
        /// Where it starts.
        offset: u64,
        /// The program that undoes it.
        name: &'static str,
    },
    /// What is wrong with the content of a gzip.
    #[error("in what the gzip at byte {offset:#x} unpacks to: {cause}")]
    InGzip {
        /// Where it starts.
        offset: u64,
        /// What is wrong, and where in what it unpacks to.
        cause: Box<ModuleError>,
    },
    /// Two modules in the archive have the same name.
    #[error("the ramdisk has two modules named {module}")]
    DuplicateModule {
        /// The name.
        module: PrintableName,
    },
    /// The archive has no module of that name.
    #[error("the ramdisk has no modules/{module}.ko among its {present} modules")]
    NoSuchModule {
        /// The name asked for.
        module: PrintableName,
        /// How many modules the archive has.
        present: usize,
    },
    /// The bytes do not start like an ELF file.
    #[error("no ELF file: starts with {}, not 7f 45 4c 46", Hex(.found))]
    NotElf {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A field of the ELF header says that this is not an x86-64 relocatable object.
    #[error("no x86-64 relocatable object: {field} is {found:#x}, must be {wanted:#x}")]
    Header {
        /// The field, by its name in the ELF specification.
        field: &'static str,
        /// What it holds.
        found: u64,
        /// What it must hold.
        wanted: u64,
    },
    /// The file ends before one of its pieces does.
    #[error("object is truncated: {piece} ends at {end:#x}, the file at {present:#x}")]
    Truncated {
        /// The piece: a table or a section.
        piece: PrintableName,
        /// Where it ends.
        end: u64,
        /// How many bytes the file has.
        present: u64,
    },
    /// The ELF crate found a table it cannot read.
    #[error("object is malformed: {0}")]
    Malformed(object::read::Error),
    /// A table's size is not a multiple of its entries' size.
    #[error("section {section} is {size:#x} bytes, not a multiple of its entries' {entry:#x}")]
    TableSize {
        /// The section that holds the table.
        section: PrintableName,
        /// Its size in bytes.
        size: u64,
        /// The size of one entry.
        entry: u64,
    },
    /// Two sections share bytes of the file.
    #[error("sections {first} and {second} overlap in the file at {offset:#x}")]
    Overlap {
        /// The section that starts first.
        first: PrintableName,
        /// The one that starts before the first ends.
        second: PrintableName,
        /// Where the second one starts in the file.
        offset: u64,
    },
    /// A section is writable and executable.
    #[error("section {section} is both writable and executable")]
    WritableCode {
        /// The section.
        section: PrintableName,
    },
    /// A section's alignment is not a power of two, or is larger than allowed.
    #[error(
        "section {section} asks for alignment {found:#x}, must be a power of two up to {:#x}",
        ALIGNMENT_LIMIT
    )]
    Alignment {
        /// The section.
        section: PrintableName,
        /// The alignment it asks for.
        found: u64,
    },
    /// A section of a type or with flags the loader does not handle (constructors, thread-local, compressed).
    #[error("section {section} of type {kind:#x} with flags {flags:#x} cannot be loaded")]
    SectionKind {
        /// The section.
        section: PrintableName,
        /// Its `sh_type`.
        kind: u32,
        /// Its `sh_flags`.
        flags: u64,
    },
    /// The module does not fit into the free room.
    #[error("module is too large: section {section} of {size:#x} bytes goes over {room} pages")]
    TooLarge {
        /// The section that goes over the limit.
        section: PrintableName,
        /// Its size in bytes.
        size: u64,
        /// The room for the whole module.
        room: PageCount,
    },
    /// An index names no section.
    #[error("{holder} refers to section {index} of {sections}")]
    SectionIndex {
        /// The section or symbol that holds the index.
        holder: PrintableName,
        /// The index.
        index: u64,
        /// How many sections there are.
        sections: u64,
    },
    /// A relocation names a symbol that is not in the table.
    #[error("a relocation of section {section} refers to symbol {index} of {symbols}")]
    SymbolIndex {
        /// The relocated section.
        section: PrintableName,
        /// The index.
        index: u64,
        /// How many symbols there are.
        symbols: u64,
    },
    /// A symbol of a kind that has no address here (thread-local, indirect, common).
    #[error("symbol {symbol} of type {kind} in section {section:#x} has no address in a module")]
    SymbolKind {
        /// The symbol.
        symbol: PrintableName,
        /// Its type, `STT_*`.
        kind: u8,
        /// Its section index, `SHN_*` if reserved.
        section: u16,
    },
    /// A symbol lies in a section that is not loaded.
    #[error("symbol {symbol} lies in section {section}, which is not loaded")]
    NotLoaded {
        /// The symbol.
        symbol: PrintableName,
        /// The index of its section.
        section: u64,
    },
    /// A symbol lies beyond the end of its section.
    #[error("symbol {symbol} is at {value:#x} of a section of {size:#x} bytes")]
    SymbolOutside {
        /// The symbol.
        symbol: PrintableName,
        /// Its value.
        value: u64,
        /// The size of its section.
        size: u64,
    },
    /// A section's relocations are in a form x86-64 does not use (`REL`, `RELR`, `CREL`).
    #[error("section {section} holds relocations of form {kind:#x}, only RELA (0x4) is used on x86-64")]
    RelocationForm {
        /// The section that holds them.
        section: PrintableName,
        /// Its `sh_type`.
        kind: u32,
    },
    /// A relocation of a type the loader does not know.
    #[error("relocation at {offset:#x} of section {section} has unknown type {kind}")]
    RelocationType {
        /// The relocated section.
        section: PrintableName,
        /// Where in it.
        offset: u64,
        /// The type, `R_X86_64_*`.
        kind: u32,
    },
    /// A relocation writes beyond the end of its section.
    #[error("relocation of {width} bytes at {offset:#x} is outside section {section} of {size:#x} bytes")]
    RelocationOutside {
        /// The relocated section.
        section: PrintableName,
        /// Where in it.
        offset: u64,
        /// How many bytes it writes.
        width: u64,
        /// The size of the section.
        size: u64,
    },
    /// The value of a relocation does not fit into its field.
    #[error("{kind} relocation at {place:#x} to symbol {symbol} overflows: {value:#x}")]
    Overflow {
        /// The symbol it refers to.
        symbol: PrintableName,
        /// What is computed.
        kind: RelocationKind,
        /// Where the field is.
        place: u64,
        /// What would have to be stored.
        value: u64,
    },
    /// The module needs a symbol that nobody exports.
    #[error("symbol {symbol} is exported by nobody")]
    Unresolved {
        /// The symbol.
        symbol: PrintableName,
    },
    /// An imported or exported symbol has a name that is too long to be linked.
    #[error("symbol {symbol} has a name of more than {limit} bytes, the longest that is linked")]
    LongName {
        /// The start of the name.
        symbol: PrintableName,
        /// The longest that is linked.
        limit: usize,
    },
    /// The module defines no entry function.
    #[error("module defines no global function {symbol}")]
    NoEntry {
        /// The name it must have.
        symbol: &'static str,
    },
    /// An entry function is not code.
    #[error("{symbol} does not lie in executable code")]
    EntryNotCode {
        /// Its name.
        symbol: &'static str,
    },
    /// The address offered is not aligned as the module needs, or the module does not fit after it.
    #[error(
        "module of {pages} pages cannot lie at {:#x}: needs alignment {alignment:#x} and room after it",
        .base.as_u64()
    )]
    Base {
        /// The address.
        base: VirtAddr,
        /// The alignment it needs.
        alignment: u64,
        /// The size of the module.
        pages: PageCount,
    },
    /// A module says nothing about itself under a key.
    #[error("module says no {key}= in its section .modinfo")]
    NoInfo {
        /// The key.
        key: &'static str,
    },
    /// A module has two values for a key.
    #[error("module says {key}= twice in its section .modinfo")]
    InfoTwice {
        /// The key.
        key: &'static str,
    },
    /// A module has an invalid value for a key.
    #[error("module says {key}={found}, which is not valid")]
    InfoValue {
        /// The key.
        key: &'static str,
        /// The value.
        found: PrintableName,
    },
    /// A module was built for another kernel.
    #[error("module was built for ABI {built} of the kernel, this kernel has ABI {kernel}")]
    Abi {
        /// The version of the ABI it was built for.
        built: u32,
        /// The kernel's.
        kernel: u32,
    },
    /// A file's name differs from its module's.
    #[error("modules/{file}.ko calls itself {module}; name the file {module}.ko")]
    OtherName {
        /// The name by the file.
        file: PrintableName,
        /// The name by the module itself.
        module: PrintableName,
    },
    /// A module that another one needs is missing.
    #[error("module {module} needs {need}, which the ramdisk does not have")]
    NoSuchNeed {
        /// The module.
        module: PrintableName,
        /// What it needs.
        need: PrintableName,
    },
    /// Modules need each other.
    #[error("modules need each other: {members}")]
    Circle {
        /// All of them, the first one twice.
        members: PrintableName,
    },
    /// A module exports something that is not a global symbol it defines and keeps while it is loaded.
    #[error("export {symbol} is no global symbol that the module defines and keeps")]
    ExportKind {
        /// The symbol.
        symbol: PrintableName,
    },
    /// A symbol is already exported.
    #[error("symbol {symbol} is exported by {holder} already")]
    ExportTwice {
        /// The symbol.
        symbol: PrintableName,
        /// Who exports it.
        holder: PrintableName,
    },
    /// Two relocations store at the same place.
    #[error("two relocations store at {offset:#x} of the module")]
    PatchesMeet {
        /// Where, counted from the module's first byte.
        offset: u64,
    },
    /// What is wrong, and with which module.
    #[error("module {module}: {cause}")]
    OfModule {
        /// The module.
        module: PrintableName,
        /// What is wrong.
        cause: Box<ModuleError>,
    },
    /// The heap has no room for the plan itself.
    #[error("heap is full: no room for {entries} entries of a plan")]
    NoMemory {
        /// How many entries of a table were wanted.
        entries: usize,
    },
}

impl ModuleError {
    /// Adds the module's name.
    #[must_use]
    pub(crate) fn of_module(self, module: &str) -> Self {
        Self::OfModule { module: PrintableName::new(module.as_bytes()), cause: Box::new(self) }
    }

    /// Adds the gzip at that byte of the ramdisk, in whose content the error is.
    pub(super) fn in_gzip(self, offset: u64) -> Self {
        Self::InGzip { offset, cause: Box::new(self) }
    }
}
