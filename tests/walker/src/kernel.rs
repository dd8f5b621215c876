//! What the kernel's pages may be used for, by its ELF file.
//!
//! *What this is*: the loadable segments by page, and the guard pages by symbol name: a data symbol with `guard` in its
//! name, inside a writable segment. A linker's symbol has no size and stands for the page it lies in. What is loaded at or
//! after a symbol `image_end`, as relocations are, is not part of the image.
//!
//! *What must hold*: the file is the one that was booted.

use std::{fmt, fs, ops::Range, path::Path};

use object::{
    LittleEndian,
    elf::{self, FileHeader64},
    read::elf::{FileHeader, ProgramHeader, Sym},
};
use start_info::PAGE_SIZE;
use x86_64::VirtAddr;

use crate::WalkError;

/// What a page of the image may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelAccess {
    /// Constants.
    Read,
    /// Data.
    ReadWrite,
    /// Code.
    Execute,
}

impl fmt::Display for KernelAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read-only",
            Self::ReadWrite => "read-write",
            Self::Execute => "read-execute",
        })
    }
}

/// A loadable segment, in whole pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its pages.
    pub pages: Range<VirtAddr>,
    /// What they may be used for.
    pub access: KernelAccess,
}

/// The parts of a kernel image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    segments: Vec<Segment>,
    guards: Vec<Range<VirtAddr>>,
}

impl Kernel {
    /// Reads the kernel at `path`.
    ///
    /// # Errors
    /// [`WalkError::Io`] for a file that cannot be read, otherwise those of [`Kernel::parse`].
    pub fn open(path: &Path) -> Result<Self, WalkError> {
        Self::parse(&fs::read(path).map_err(|cause| WalkError::Io { what: "the kernel", cause })?)
    }

    /// Reads a kernel from the bytes of its file.
    ///
    /// # Errors
    /// - [`WalkError::Elf`] for bytes that are not a 64-bit little-endian ELF.
    /// - [`WalkError::NoSegment`] if nothing is loaded.
    /// - [`WalkError::SegmentAccess`] for a segment that is writable and executable.
    /// - [`WalkError::SharedPage`] if segments of different access meet in a page.
    pub fn parse(bytes: &[u8]) -> Result<Self, WalkError> {
        let elf = |cause| WalkError::Elf { what: "the kernel", cause };
        let header = FileHeader64::<LittleEndian>::parse(bytes).map_err(elf)?;
        let mut segments = Vec::new();
        for segment in header.program_headers(LittleEndian, bytes).map_err(elf)? {
            if segment.p_type(LittleEndian) == elf::PT_LOAD && segment.p_memsz(LittleEndian) != 0 {
                segments.push(Segment::of(segment)?);
            }
        }
        segments.sort_by_key(|segment| segment.pages.start);
        if segments.is_empty() {
            return Err(WalkError::NoSegment);
        }
        for pair in segments.windows(2) {
            if let [low, high] = pair
                && low.pages.end > high.pages.start
                && low.access != high.access
            {
                return Err(WalkError::SharedPage { va: high.pages.start.as_u64() });
            }
        }

        let sections = header.sections(LittleEndian, bytes).map_err(elf)?;
        let symbols = sections.symbols(LittleEndian, bytes, elf::SHT_SYMTAB).map_err(elf)?;
        let mut kernel = Self { segments, guards: Vec::new() };
        for symbol in symbols.iter() {
            // Functions are left out: a Rust kernel's symbol table is full of lock guards.
            let is_data = matches!(symbol.st_type(), elf::STT_OBJECT | elf::STT_NOTYPE);
            let name = symbols.symbol_name(LittleEndian, symbol).map_err(elf)?;
            let start = VirtAddr::new_truncate(symbol.st_value(LittleEndian));
            if is_data && says_guard(name) && kernel.access(start) == Some(KernelAccess::ReadWrite) {
                kernel.guards.push(whole_pages(start.as_u64(), symbol.st_size(LittleEndian).max(1)));
            }
            if name == b"image_end" {
                kernel.segments.retain(|segment| segment.pages.start < start);
            }
        }
        Ok(kernel)
    }

    /// Returns the segments by ascending address.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns where the first segment starts, as it was linked.
    #[must_use]
    pub fn start(&self) -> VirtAddr {
        self.segments.first().map_or(VirtAddr::zero(), |segment| segment.pages.start)
    }

    /// Returns where the last segment ends, as it was linked.
    #[must_use]
    pub fn end(&self) -> VirtAddr {
        self.segments.last().map_or(VirtAddr::zero(), |segment| segment.pages.end)
    }

    /// Returns what the page at `va` may be used for; `None` outside every segment.
    #[must_use]
    pub fn access(&self, va: VirtAddr) -> Option<KernelAccess> {
        self.segments.iter().find(|segment| segment.pages.contains(&va)).map(|segment| segment.access)
    }

    /// Tells whether `va` lies in a guard page, which may be left unmapped.
    #[must_use]
    pub fn is_guard(&self, va: VirtAddr) -> bool {
        self.guards.iter().any(|guard| guard.contains(&va))
    }
}

impl Segment {
    fn of(segment: &elf::ProgramHeader64<LittleEndian>) -> Result<Self, WalkError> {
        let va = segment.p_vaddr(LittleEndian);
        let flags = segment.p_flags(LittleEndian);
        let access = match (flags.contains(elf::PF_W), flags.contains(elf::PF_X)) {
            (true, true) => return Err(WalkError::SegmentAccess { va }),
            (true, false) => KernelAccess::ReadWrite,
            (false, true) => KernelAccess::Execute,
            (false, false) => KernelAccess::Read,
        };
        Ok(Self { pages: whole_pages(va, segment.p_memsz(LittleEndian)), access })
    }
}

fn whole_pages(va: u64, len: u64) -> Range<VirtAddr> {
    let end = va.saturating_add(len).checked_next_multiple_of(PAGE_SIZE).unwrap_or(u64::MAX);
    VirtAddr::new_truncate(va).align_down(PAGE_SIZE)..VirtAddr::new_truncate(end)
}

/// A symbol that marks the end of a guard lies in the page after it.
fn says_guard(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |word: &[u8]| name.windows(word.len()).any(|part| part == word);
    has(b"guard") && !has(b"guard_end")
}
