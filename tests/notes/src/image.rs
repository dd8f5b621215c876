//! A kernel's ELF file: segments, notes, functions.

use object::LittleEndian;
use object::elf::{self, FileHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, SectionTable, Sym};

use crate::NoKernel;
use crate::guest_strings;
use crate::note::Note;

const LE: LittleEndian = LittleEndian;
/// What to do with a file that is none.
pub(crate) const REMEDY: &str =
    "give a kernel made with xen_guest::entry!, or a Linux vmlinuz with CONFIG_XEN_PV";

/// Where the notes were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Segments,
    Sections,
    Strings,
}

/// A part of memory.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    /// Its link address.
    pub(crate) start: u64,
    /// Its load address.
    pub(crate) load: u64,
    pub(crate) len: u64,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
    /// Its bytes in the file.
    pub(crate) bytes: std::ops::Range<usize>,
}

impl Segment {
    pub(crate) fn contains(&self, address: u64) -> bool {
        address >= self.start && address - self.start < self.len
    }
}

/// A function.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) start: u64,
    pub(crate) name: String,
}

/// A piece of code: its address and its bytes in the file.
pub(crate) type Code = (u64, std::ops::Range<usize>);

/// The file.
#[derive(Clone, Debug)]
pub(crate) struct Image<'f> {
    pub(crate) file: &'f [u8],
    pub(crate) entry: u64,
    pub(crate) movable: bool,
    pub(crate) segments: Vec<Segment>,
    pub(crate) notes: Vec<Note>,
    pub(crate) source: Source,
    /// Some section has notes: what builders that read sections alone can see.
    pub(crate) in_sections: bool,
    /// By their addresses.
    pub(crate) functions: Vec<Function>,
    pub(crate) code: Vec<Code>,
    /// Relocations left to whoever loads it: of a kind that only needs its address, and of others.
    pub(crate) relative: usize,
    pub(crate) unresolved: usize,
}

type Programs<'f> = &'f [elf::ProgramHeader64<LittleEndian>];
type Sections<'f> = SectionTable<'f, FileHeader64<LittleEndian>>;

impl<'f> Image<'f> {
    /// Reads a file.
    pub(crate) fn read(file: &'f [u8]) -> Result<Self, NoKernel> {
        let broken =
            |error: object::Error| NoKernel(format!("a damaged ELF file: {error}; build or copy it again"));
        let header = header(file)?;
        let programs = header.program_headers(LE, file).map_err(broken)?;
        let sections = header.sections(LE, file).map_err(broken)?;
        let segments = segments(file, programs);
        let (notes, source, in_sections) = notes(file, programs, &sections);
        if notes.is_empty() {
            return Err(NoKernel(format!(
                "an ELF file for x86-64 without Xen notes (in PT_NOTE, SHT_NOTE or __xen_guest), so no PV kernel; {REMEDY}"
            )));
        }
        let (relative, unresolved) = relocations(file, &sections);
        Ok(Self {
            file,
            entry: header.e_entry(LE),
            movable: header.e_type(LE) == elf::ET_DYN,
            code: code(file, &sections, &segments),
            segments,
            notes,
            source,
            in_sections,
            functions: functions(file, &sections),
            relative,
            unresolved,
        })
    }

    /// The last note of a kind: the one that counts.
    pub(crate) fn note(&self, kind: u32) -> Option<&Note> {
        self.notes.iter().rev().find(|note| note.kind == kind)
    }

    /// The function that an address lies in, as far as symbols say.
    pub(crate) fn function(&self, address: u64) -> Option<&str> {
        let after = self.functions.partition_point(|function| function.start <= address);
        Some(&self.functions.get(after.checked_sub(1)?)?.name)
    }

    /// What the file is, in words.
    pub(crate) fn kind(&self) -> String {
        let kind = if self.movable { "a position-independent ELF file" } else { "an ELF file" };
        let from = match self.source {
            Source::Segments => "Xen notes in PT_NOTE",
            Source::Sections => "Xen notes in SHT_NOTE sections",
            Source::Strings => "Xen strings in __xen_guest",
        };
        let moved = match self.relative {
            0 => String::new(),
            count => format!(", {count} relative relocations, which the kernel applies itself"),
        };
        format!("{kind} for x86-64 with {from}{moved}")
    }
}

/// The header of a 64-bit ELF file for x86-64.
fn header(file: &[u8]) -> Result<&FileHeader64<LittleEndian>, NoKernel> {
    if file.is_empty() {
        return Err(NoKernel(format!("an empty file; {REMEDY}")));
    }
    let Some(start) = file.first_chunk::<20>().filter(|start| start.starts_with(&elf::ELFMAG)) else {
        let start: Vec<String> = file.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        return Err(NoKernel(format!(
            "no ELF file: starts with {}, not 7f 45 4c 46; {REMEDY}",
            start.join(" ")
        )));
    };
    if start[4] != 2 || start[5] != 1 || start[18..] != [62, 0] {
        let [class, order] = [start[4], start[5]];
        let machine = u16::from_le_bytes([start[18], start[19]]);
        return Err(NoKernel(format!(
            "an ELF file of class {class}, byte order {order}, machine {machine}, not 2, 1, 62 (64 bits, little-endian, \
             x86-64); build for x86_64-unknown-none"
        )));
    }
    FileHeader64::<LittleEndian>::parse(file)
        .map_err(|error| NoKernel(format!("a damaged ELF file: {error}; build or copy it again")))
}

/// A range of the file, as far as there is one.
fn range(file: &[u8], (at, len): (u64, u64)) -> std::ops::Range<usize> {
    let (at, len) = (usize::try_from(at).unwrap_or(usize::MAX), usize::try_from(len).unwrap_or(0));
    at.min(file.len())..at.saturating_add(len).min(file.len())
}

fn segments(file: &[u8], programs: Programs<'_>) -> Vec<Segment> {
    let loaded =
        programs.iter().filter(|program| program.p_type(LE) == elf::PT_LOAD && program.p_memsz(LE) > 0);
    let segment = |program: &elf::ProgramHeader64<LittleEndian>| Segment {
        start: program.p_vaddr(LE),
        load: program.p_paddr(LE),
        len: program.p_memsz(LE),
        writable: program.p_flags(LE).0 & elf::PF_W.0 != 0,
        executable: program.p_flags(LE).0 & elf::PF_X.0 != 0,
        bytes: range(file, program.file_range(LE)),
    };
    loaded.map(segment).collect()
}

/// The notes that count, where they are, and whether sections have any.
fn notes(file: &[u8], programs: Programs<'_>, sections: &Sections<'_>) -> (Vec<Note>, Source, bool) {
    // One at the file's start, which old linkers made, is passed over by libelf (`elf_xen_parse`): the ELF header is no note.
    let noted = programs.iter().filter(|program| program.p_type(LE) == elf::PT_NOTE);
    let in_segments: Vec<Note> =
        noted.flat_map(|program| Note::all(&file[range(file, program.file_range(LE))])).collect();
    let noted = sections.iter().filter(|section| section.sh_type(LE) == elf::SHT_NOTE);
    let in_sections: Vec<Note> = noted
        .filter_map(|section| section.file_range(LE))
        .flat_map(|bytes| Note::all(&file[range(file, bytes)]))
        .collect();
    let has_sections = !in_sections.is_empty();
    if !in_segments.is_empty() {
        return (in_segments, Source::Segments, has_sections);
    }
    if has_sections {
        return (in_sections, Source::Sections, true);
    }
    let strings =
        sections.section_by_name(LE, b"__xen_guest").and_then(|(_, section)| section.file_range(LE));
    let strings = strings.map(|bytes| guest_strings::notes(&file[range(file, bytes)])).unwrap_or_default();
    (strings, Source::Strings, false)
}

/// The executable sections, or without sections the executable segments.
fn code(file: &[u8], sections: &Sections<'_>, segments: &[Segment]) -> Vec<Code> {
    let executable = |section: &&elf::SectionHeader64<LittleEndian>| {
        section.sh_flags(LE).0 & elf::SHF_EXECINSTR.0 != 0 && section.sh_type(LE) == elf::SHT_PROGBITS
    };
    let sections = sections.iter().filter(executable);
    let code: Vec<Code> = sections
        .filter_map(|section| Some((section.sh_addr(LE), range(file, section.file_range(LE)?))))
        .collect();
    if code.is_empty() {
        let executable = segments.iter().filter(|segment| segment.executable);
        return executable.map(|segment| (segment.start, segment.bytes.clone())).collect();
    }
    code
}

fn functions(file: &[u8], sections: &Sections<'_>) -> Vec<Function> {
    let Ok(symbols) = sections.symbols(LE, file, elf::SHT_SYMTAB) else { return Vec::new() };
    let named = symbols.iter().filter(|symbol| symbol.st_type() == elf::STT_FUNC && symbol.st_size(LE) > 0);
    let mut functions: Vec<Function> = named
        .filter_map(|symbol| {
            let name = symbols.symbol_name(LE, symbol).ok()?;
            let name = format!("{:#}", rustc_demangle::demangle(&String::from_utf8_lossy(name)));
            Some(Function { start: symbol.st_value(LE), name })
        })
        .collect();
    functions.sort_by_key(|function| function.start);
    functions
}

/// How many relocations of memory only need the load address, and how many need more.
fn relocations(file: &[u8], sections: &Sections<'_>) -> (usize, usize) {
    let (mut relative, mut others) = (0, 0);
    for section in sections.iter().filter(|section| section.sh_flags(LE).0 & elf::SHF_ALLOC.0 != 0) {
        if let Ok(Some((rows, _))) = section.rela(LE, file) {
            let found = rows.iter().filter(|row| row.r_type(LE, false) == elf::R_X86_64_RELATIVE).count();
            relative += found;
            others += rows.len() - found;
        }
    }
    (relative, others)
}
