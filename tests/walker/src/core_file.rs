//! A core as `xl dump-core` writes it, read page by page.
//!
//! *What this is*: an ELF of sections without segments (docs/misc/dump-core-format.txt): the vCPUs' contexts, the
//! shared_info page, the pages, and for each page its PFN and MFN. Pages stay in the file; only the two indexes are
//! kept.
//!
//! *What must hold*: `.xen_p2m` lists pages in the order of `.xen_pages`, by ascending PFN. Trailing pairs of all ones
//! pad the section to the number of pages Xen counts for the domain: the toolstack could not find that many pages.
//!
//! *What is not prevented*: a domain with more pages in its P2M than Xen counts; the tool drops the excess.

use std::{fs::File, os::unix::fs::FileExt, path::Path};

use object::{
    LittleEndian,
    elf::{self, FileHeader64},
    read::{
        ReadCache, ReadRef,
        elf::{FileHeader, SectionHeader, SectionTable},
    },
};
use start_info::{Mfn, OutOfRange, PAGE_SIZE, Pfn};

use crate::{
    PublishedP2m, Vcpu, WalkError, WalkedEntry,
    bytes::{u64_at, words},
};

/// One page of the guest: its PFN and MFN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CoreEntry {
    /// The PFN.
    pub pfn: Pfn,
    /// The MFN.
    pub mfn: Mfn,
}

/// Where a section lies in the file.
#[derive(Clone, Copy, Debug)]
struct Extent {
    offset: u64,
    len: u64,
}

/// An open core.
#[derive(Debug)]
pub struct CoreFile {
    file: File,
    pages_offset: u64,
    /// Ascending by PFN; the index is the page's place in `.xen_pages`.
    pages: Vec<CoreEntry>,
    /// Ascending by MFN, with the index into `pages`.
    by_mfn: Vec<(Mfn, usize)>,
    padding: u64,
    vcpus: Vec<Vcpu>,
    published: PublishedP2m,
}

const HEADER_NOTE: u32 = 0x200_0001;
const FORMAT_NOTE: u32 = 0x200_0003;
const PV_MAGIC: u64 = 0xf00f_ebed;
const FORMAT_VERSION: u64 = 1;
const P2M_ENTRY_SIZE: u64 = 16;
const PADDING: u64 = u64::MAX;

impl CoreFile {
    /// Opens the core at `path` and reads everything but its pages.
    ///
    /// # Errors
    /// - [`WalkError::Io`], [`WalkError::Elf`] for a file that cannot be read or is not an ELF.
    /// - [`WalkError::NoSection`], [`WalkError::NoNote`], [`WalkError::SectionSize`], [`WalkError::Header`] for one
    ///   that is not a whole core of a 64-bit PV guest.
    /// - [`WalkError::Unordered`], [`WalkError::FrameNumber`] for a P2M section that is not what the format promises.
    /// - [`WalkError::NoVcpu`], [`WalkError::Cr3`] for a core without a vCPU, or one without a usable root.
    pub fn open(path: &Path) -> Result<Self, WalkError> {
        let open = || File::open(path).map_err(|cause| WalkError::Io { what: "the core", cause });
        let file = open()?;
        let cache = ReadCache::new(open()?);
        let sections = Sections::parse(&cache)?;
        let (nr_vcpus, nr_pages) = sections.header_note()?;

        let contexts = sections.sized(&file, ".xen_prstatus", nr_vcpus, Vcpu::SIZE as u64)?;
        let shared_info = sections.sized(&file, ".xen_shared_info", 1, PAGE_SIZE)?;
        let p2m = sections.sized(&file, ".xen_p2m", nr_pages, P2M_ENTRY_SIZE)?;
        let pages_at = sections.extent(".xen_pages")?;
        check_size(".xen_pages", pages_at.len, nr_pages, PAGE_SIZE)?;

        let vcpus = contexts
            .chunks(Vcpu::SIZE)
            .enumerate()
            .map(|(vcpu, bytes)| Vcpu::parse(vcpu, bytes))
            .collect::<Result<Vec<_>, _>>()?;
        if vcpus.is_empty() {
            return Err(WalkError::NoVcpu);
        }
        let published =
            PublishedP2m::parse(&shared_info).ok_or(WalkError::NoSection { name: ".xen_shared_info" })?;
        let (pages, padding) = parse_p2m(&p2m)?;
        let mut by_mfn: Vec<_> = pages.iter().enumerate().map(|(index, entry)| (entry.mfn, index)).collect();
        by_mfn.sort_unstable();
        Ok(Self { file, pages_offset: pages_at.offset, pages, by_mfn, padding, vcpus, published })
    }

    /// Returns the guest's pages by ascending PFN.
    #[must_use]
    pub fn pages(&self) -> &[CoreEntry] {
        &self.pages
    }

    /// Returns how many of the domain's pages, as Xen counts them, the toolstack did not find in the P2M.
    #[must_use]
    pub fn padding(&self) -> u64 {
        self.padding
    }

    /// Returns the vCPUs, the first one first.
    #[must_use]
    pub fn vcpus(&self) -> &[Vcpu] {
        &self.vcpus
    }

    /// Returns what shared_info says about the P2M.
    #[must_use]
    pub fn published(&self) -> &PublishedP2m {
        &self.published
    }

    /// Returns one more than the highest PFN.
    #[must_use]
    pub fn pfn_end(&self) -> u64 {
        self.pages.last().map_or(0, |entry| entry.pfn.get() + 1)
    }

    /// Returns the place of a PFN in [`CoreFile::pages`].
    #[must_use]
    pub fn index(&self, pfn: u64) -> Option<usize> {
        // Most guests have no holes, and then the index is the PFN.
        let direct = usize::try_from(pfn).ok()?;
        if self.pages.get(direct).is_some_and(|entry| entry.pfn.get() == pfn) {
            return Some(direct);
        }
        self.pages.binary_search_by_key(&pfn, |entry| entry.pfn.get()).ok()
    }

    /// Returns the frame of a PFN, if the P2M has one.
    #[must_use]
    pub fn mfn(&self, pfn: u64) -> Option<Mfn> {
        Some(self.pages.get(self.index(pfn)?)?.mfn)
    }

    /// Returns the PFN of a frame, if the guest owns it; the lowest, if the P2M names it twice.
    #[must_use]
    pub fn pfn(&self, mfn: Mfn) -> Option<Pfn> {
        Some(self.pages.get(self.place(mfn)?)?.pfn)
    }

    /// Returns every pair of PFNs with the same frame.
    pub fn duplicates(&self) -> impl Iterator<Item = (CoreEntry, CoreEntry)> + '_ {
        self.by_mfn
            .windows(2)
            .filter(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
            .filter_map(|pair| Some((*self.pages.get(pair.first()?.1)?, *self.pages.get(pair.last()?.1)?)))
    }

    /// Reads the 512 words of a frame; `None` if the guest does not own it.
    ///
    /// # Errors
    /// [`WalkError::Io`] for a read that fails.
    pub fn read_frame(&self, mfn: Mfn) -> Result<Option<Vec<u64>>, WalkError> {
        let Some(offset) = self.offset(mfn) else { return Ok(None) };
        let mut page = [0; PAGE_SIZE as usize];
        self.file
            .read_exact_at(&mut page, offset)
            .map_err(|cause| WalkError::Io { what: "a page", cause })?;
        Ok(Some(words(&page).collect()))
    }

    /// Reads one page-table entry of a frame; `None` if the guest does not own it.
    ///
    /// # Errors
    /// [`WalkError::Io`] for a read that fails.
    pub(crate) fn read_entry(&self, mfn: Mfn, index: u64) -> Result<Option<WalkedEntry>, WalkError> {
        let Some(offset) = self.offset(mfn) else { return Ok(None) };
        let mut word = [0; 8];
        self.file
            .read_exact_at(&mut word, offset + 8 * index)
            .map_err(|cause| WalkError::Io { what: "a table entry", cause })?;
        Ok(Some(WalkedEntry::new(u64::from_le_bytes(word))))
    }

    fn place(&self, mfn: Mfn) -> Option<usize> {
        let first = self.by_mfn.partition_point(|(other, _)| *other < mfn);
        self.by_mfn.get(first).filter(|(other, _)| *other == mfn).map(|(_, place)| *place)
    }

    fn offset(&self, mfn: Mfn) -> Option<u64> {
        Some(self.pages_offset + self.place(mfn)? as u64 * PAGE_SIZE)
    }
}

/// The section table while it is being read.
struct Sections<'c> {
    table: SectionTable<'c, FileHeader64<LittleEndian>, &'c ReadCache<File>>,
    cache: &'c ReadCache<File>,
}

impl<'c> Sections<'c> {
    fn parse(cache: &'c ReadCache<File>) -> Result<Self, WalkError> {
        let elf = |cause| WalkError::Elf { what: "the core", cause };
        let header = FileHeader64::<LittleEndian>::parse(cache).map_err(elf)?;
        let kind = u64::from(header.e_type.get(LittleEndian).0);
        expect("e_type", kind, u64::from(elf::ET_CORE.0))?;
        // A 32-bit guest on the same host is written with EM_386.
        let machine = u64::from(header.e_machine.get(LittleEndian).0);
        expect("e_machine", machine, u64::from(elf::EM_X86_64.0))?;
        let table = header.sections(LittleEndian, cache).map_err(elf)?;
        Ok(Self { table, cache })
    }

    fn extent(&self, name: &'static str) -> Result<Extent, WalkError> {
        let (_, section) =
            self.table.section_by_name(LittleEndian, name.as_bytes()).ok_or(WalkError::NoSection { name })?;
        Ok(Extent { offset: section.sh_offset.get(LittleEndian), len: section.sh_size.get(LittleEndian) })
    }

    /// Reads a section that holds `count` items of `size` bytes.
    fn sized(&self, file: &File, name: &'static str, count: u64, size: u64) -> Result<Vec<u8>, WalkError> {
        let extent = self.extent(name)?;
        check_size(name, extent.len, count, size)?;
        // The header note can be wrong; the file's length cannot, and bounds what is allocated here.
        let file_len = self.cache.len().unwrap_or(0);
        if extent.offset.checked_add(extent.len).is_none_or(|end| end > file_len) {
            return Err(WalkError::SectionSize { name, found: file_len, expected: extent.len });
        }
        let mut bytes = vec![0; extent.len as usize];
        file.read_exact_at(&mut bytes, extent.offset).map_err(|cause| WalkError::Io { what: name, cause })?;
        Ok(bytes)
    }

    /// Returns the number of vCPUs and of pages, after checking that this is a PV guest's core in the known format.
    fn header_note(&self) -> Result<(u64, u64), WalkError> {
        let elf = |cause| WalkError::Elf { what: ".note.Xen", cause };
        let (_, section) = self
            .table
            .section_by_name(LittleEndian, b".note.Xen")
            .ok_or(WalkError::NoSection { name: ".note.Xen" })?;
        let mut notes = section
            .notes(LittleEndian, self.cache)
            .map_err(elf)?
            .ok_or(WalkError::NoSection { name: ".note.Xen" })?;
        let (mut header, mut format) = (None, None);
        while let Some(note) = notes.next().map_err(elf)? {
            match note.n_type(LittleEndian).0 {
                HEADER_NOTE => header = Some(note.desc()),
                FORMAT_NOTE => format = Some(note.desc()),
                _ => {}
            }
        }
        let field = |note: Option<&[u8]>, kind, offset| {
            note.and_then(|desc| u64_at(desc, offset)).ok_or(WalkError::NoNote { kind })
        };
        expect("format version", field(format, FORMAT_NOTE, 0)?, FORMAT_VERSION)?;
        expect("xch_magic", field(header, HEADER_NOTE, 0)?, PV_MAGIC)?;
        expect("xch_page_size", field(header, HEADER_NOTE, 24)?, PAGE_SIZE)?;
        Ok((field(header, HEADER_NOTE, 8)?, field(header, HEADER_NOTE, 16)?))
    }
}

fn expect(field: &'static str, found: u64, expected: u64) -> Result<(), WalkError> {
    if found == expected { Ok(()) } else { Err(WalkError::Header { field, found, expected }) }
}

fn check_size(name: &'static str, found: u64, count: u64, size: u64) -> Result<(), WalkError> {
    let expected = count.saturating_mul(size);
    if found == expected { Ok(()) } else { Err(WalkError::SectionSize { name, found, expected }) }
}

/// Returns the pages and the number of padding pairs after them.
fn parse_p2m(section: &[u8]) -> Result<(Vec<CoreEntry>, u64), WalkError> {
    let frame = |cause: OutOfRange| WalkError::FrameNumber { what: ".xen_p2m", cause };
    let mut pages: Vec<CoreEntry> = Vec::with_capacity(section.len() / P2M_ENTRY_SIZE as usize);
    let mut padding = 0;
    let mut numbers = words(section);
    while let (Some(pfn), Some(mfn)) = (numbers.next(), numbers.next()) {
        if pfn == PADDING && mfn == PADDING {
            padding += 1;
            continue;
        }
        let entry =
            CoreEntry { pfn: Pfn::try_new(pfn).map_err(frame)?, mfn: Mfn::try_new(mfn).map_err(frame)? };
        if padding != 0 || pages.last().is_some_and(|last| last.pfn >= entry.pfn) {
            return Err(WalkError::Unordered { index: pages.len() as u64 + padding });
        }
        pages.push(entry);
    }
    Ok((pages, padding))
}
