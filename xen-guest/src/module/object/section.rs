//! The sections that are loaded, and the parts they are sorted into.
//!
//! *What this is*: every section of the file with the ALLOC flag, and [`place`], which gives each an offset. Parts
//! follow each other in the order of [`PartKind::ALL`]; each starts on a page of its own, so each can have its own
//! protection.
//!
//! *What must hold*: no section is writable and executable, so none belongs to two parts.
//!
//! *What is not prevented*: code of one section reading data of another. Inside a part nothing separates sections.

use alloc::vec::Vec;

use object::elf::{
    SHF_ALLOC, SHF_COMPRESSED, SHF_EXECINSTR, SHF_TLS, SHF_WRITE, SHT_NOBITS, SHT_NOTE, SHT_PROGBITS,
    SHT_X86_64_UNWIND,
};
use object::read::elf::SectionHeader;
use start_info::{PAGE_SIZE, PageCount};

use crate::module::{
    error::ModuleError,
    name::PrintableName,
    object::{
        elf::{ENDIAN, Object, Row},
        info::INFO,
        part_kind::{ALIGNMENT_LIMIT, PARTS, PartKind},
        symbol::EXPORTS,
    },
};

/// The size and alignment of a slot that holds a symbol's address.
pub(in crate::module) const SLOT: u64 = 8;

/// The prefixes of the names of sections that are not needed once the module has started.
const INIT: &[u8] = b".init.";

/// A run of pages with one protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// What it is for.
    pub(crate) kind: PartKind,
    /// How many pages of the module lie before it.
    pub(crate) start: PageCount,
    /// How many pages it has; it may have none.
    pub(crate) pages: PageCount,
}

/// A section that is loaded.
#[derive(Debug, Clone)]
pub(in crate::module) struct Section<'a> {
    /// Its index in the file, by which symbols and relocations refer to it.
    pub(in crate::module) index: usize,
    pub(in crate::module) row: &'a Row,
    pub(in crate::module) kind: PartKind,
    pub(in crate::module) bytes: &'a [u8],
    pub(in crate::module) size: u64,
    pub(in crate::module) align: u64,
    /// Where it starts in the module; zero until [`place`] has run.
    pub(in crate::module) offset: u64,
}

/// Collects the sections to load, in the file's order.
pub(in crate::module) fn collect<'a>(object: &Object<'a>) -> Result<Vec<Section<'a>>, ModuleError> {
    let mut sections = Vec::new();
    // Sections for the loader itself are not loaded.
    let ours = |row: &Row| matches!(object.raw_name(row), INFO | EXPORTS);
    let loaded = || object.rows().filter(|(_, row)| row.sh_flags(ENDIAN).contains(SHF_ALLOC) && !ours(row));
    let entries = loaded().count();
    sections.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
    for (index, row) in loaded() {
        let kind = kind(object, row)?;
        let align = row.sh_addralign(ENDIAN).max(1);
        if !align.is_power_of_two() || align > ALIGNMENT_LIMIT {
            return Err(ModuleError::Alignment { section: object.name(row), found: align });
        }
        let size = row.sh_size(ENDIAN);
        sections.push(Section { index, row, kind, bytes: object.bytes(row)?, size, align, offset: 0 });
    }
    Ok(sections)
}

/// Decides which part a section belongs to.
fn kind(object: &Object<'_>, row: &Row) -> Result<PartKind, ModuleError> {
    let (flags, kind) = (row.sh_flags(ENDIAN), row.sh_type(ENDIAN));
    // Constructors and similar sections are refused, because nobody would run them.
    let known = matches!(kind, SHT_PROGBITS | SHT_NOBITS | SHT_NOTE | SHT_X86_64_UNWIND);
    if !known || flags.contains(SHF_TLS) || flags.contains(SHF_COMPRESSED) {
        return Err(ModuleError::SectionKind { section: object.name(row), kind: kind.0, flags: flags.0 });
    }
    let init = object.raw_name(row).starts_with(INIT);
    match (flags.contains(SHF_WRITE), flags.contains(SHF_EXECINSTR)) {
        (true, true) => Err(ModuleError::WritableCode { section: object.name(row) }),
        (false, true) if init => Ok(PartKind::InitText),
        (_, false) if init => Ok(PartKind::InitData),
        (false, true) => Ok(PartKind::Text),
        (false, false) => Ok(PartKind::Rodata),
        (true, false) => Ok(PartKind::Data),
    }
}

/// What [`place`] decided.
pub(in crate::module) struct Placed {
    pub(in crate::module) parts: [Part; PARTS],
    pub(in crate::module) pages: PageCount,
    /// Where the slots for symbols' addresses start.
    pub(in crate::module) slots: u64,
}

/// Gives every section its offset, and room for `slots` addresses at the end of the constants.
pub(in crate::module) fn place(
    object: &Object<'_>,
    sections: &mut [Section<'_>],
    slots: u64,
    room: PageCount,
) -> Result<Placed, ModuleError> {
    let mut parts = PartKind::ALL.map(|kind| Part { kind, start: PageCount::ZERO, pages: PageCount::ZERO });
    let mut cursor = Cursor { at: 0, room };
    let mut slots_at = 0;
    for part in &mut parts {
        let start = cursor.at;
        // Sections without bytes in the file come last, so that the zeros are one run at the end.
        for zeroed in [false, true] {
            let ours =
                |section: &&mut Section<'_>| section.kind == part.kind && section.is_zeroed() == zeroed;
            for section in sections.iter_mut().filter(ours) {
                section.offset = cursor.take(section.size, section.align, || object.name(section.row))?;
            }
        }
        if part.kind == PartKind::Rodata {
            slots_at = cursor
                .take(slots.saturating_mul(SLOT), SLOT, || PrintableName::new(b"of symbol addresses"))?;
        }
        cursor.at = cursor.at.next_multiple_of(PAGE_SIZE);
        part.start = pages(start);
        part.pages = pages(cursor.at - start);
    }
    Ok(Placed { parts, pages: pages(cursor.at), slots: slots_at })
}

impl Section<'_> {
    /// Tells whether the section is all zeros and has no bytes in the file.
    fn is_zeroed(&self) -> bool {
        self.row.sh_type(ENDIAN) == SHT_NOBITS
    }
}

/// Finds a loaded section by its index in the file; `sections` is in that order.
pub(in crate::module) fn find<'s, 'a>(sections: &'s [Section<'a>], index: usize) -> Option<&'s Section<'a>> {
    sections.binary_search_by_key(&index, |section| section.index).ok().and_then(|at| sections.get(at))
}

/// The end of what has been placed.
struct Cursor {
    at: u64,
    room: PageCount,
}

impl Cursor {
    /// Takes `size` bytes and returns where they start. `at` never exceeds the room, so it cannot overflow.
    fn take(
        &mut self,
        size: u64,
        align: u64,
        section: impl FnOnce() -> PrintableName,
    ) -> Result<u64, ModuleError> {
        let start = self.at.next_multiple_of(align);
        match start.checked_add(size) {
            Some(end) if end <= self.room.bytes() => {
                self.at = end;
                Ok(start)
            }
            _ => Err(ModuleError::TooLarge { section: section(), size, room: self.room }),
        }
    }
}

/// Counts the pages of `bytes` bytes, which are at most the room's and so in range.
fn pages(bytes: u64) -> PageCount {
    PageCount::clamped(bytes.div_ceil(PAGE_SIZE))
}
