//! Finds the modules in a ramdisk.
//!
//! *What this is*: a reader of the newc form of cpio (magic 070701), the form the initramfs tools write. It was written
//! because the crate we tried, `cpio_reader`, ends its iteration in the same way at a trailer, at a cut and at rubbish,
//! and a truncated ramdisk must be told from one without the module.
//!
//! *What must hold*: the archive starts at the ramdisk's first byte and ends with its trailer; the whole chain of headers
//! is walked before the first module is handed out. What follows the trailer (padding, mostly) is not read.
//!
//! *What is not prevented*: a flipped byte inside a file, for newc has no checksum; a second archive behind the first, and
//! hard links to a module, are not followed.

use alloc::vec::Vec;

use super::error::{Error, Name};

/// The magic number of a newc entry.
const MAGIC: &[u8; 6] = b"070701";

/// The size of an entry's header: the magic number and thirteen fields of eight hexadecimal digits.
const HEADER: u64 = 110;

/// Where the three fields we need are, counted from the entry's start.
const MODE: u64 = 14;
const FILE_SIZE: u64 = 54;
const NAME_SIZE: u64 = 94;

/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// A module in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Module<'a> {
    /// NAME, where the file is `modules/NAME.ko` or `modules-extra/NAME.ko`.
    pub name: &'a str,
    /// Where it lies.
    pub shelf: Shelf,
    /// The content of the file.
    pub bytes: &'a [u8],
}

/// The folder a module lies in, which decides whether "all" includes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// `modules`: one of all.
    All,
    /// `modules-extra`: only when it is named, or needed by another.
    Named,
}

/// The modules of one ramdisk, in the archive's order.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    modules: Vec<Module<'a>>,
}

impl<'a> Archive<'a> {
    /// Walks the archive from its first entry to its trailer.
    ///
    /// # Errors
    /// [`Error::NotAnArchive`], [`Error::ArchiveField`] and [`Error::TruncatedArchive`] with the byte where it happened;
    /// [`Error::DuplicateModule`] for two files of one name; [`Error::NoMemory`].
    pub fn new(ramdisk: &'a [u8]) -> Result<Self, Error> {
        let mut modules: Vec<Module<'a>> = Vec::new();
        let mut offset = 0;
        loop {
            let entry = Entry::at(ramdisk, offset)?;
            if entry.name == TRAILER {
                return Ok(Self { modules });
            }
            if let Some((name, shelf)) = entry.module() {
                if modules.iter().any(|other| other.name == name) {
                    return Err(Error::DuplicateModule { module: Name::new(name.as_bytes()) });
                }
                modules.try_reserve(1).map_err(|_| Error::NoMemory { entries: modules.len() + 1 })?;
                modules.push(Module { name, shelf, bytes: entry.bytes });
            }
            offset = entry.end;
        }
    }

    /// Returns all modules, in the archive's order.
    #[must_use]
    pub fn modules(&self) -> &[Module<'a>] {
        &self.modules
    }

    /// Returns the module of that name.
    ///
    /// # Errors
    /// [`Error::NoSuchModule`] when the archive has none.
    pub fn module(&self, name: &str) -> Result<Module<'a>, Error> {
        self.modules.iter().find(|module| module.name == name).copied().ok_or_else(|| Error::NoSuchModule {
            module: Name::new(name.as_bytes()),
            present: self.modules.len(),
        })
    }
}

/// One entry of the archive.
struct Entry<'a> {
    mode: u64,
    name: &'a [u8],
    bytes: &'a [u8],
    end: u64,
}

impl<'a> Entry<'a> {
    /// Reads the entry that starts at `offset`.
    fn at(ramdisk: &'a [u8], offset: u64) -> Result<Self, Error> {
        // The magic number is looked at before the length: rubbish or padding shorter than a header is no truncated entry.
        let magic = slice(ramdisk, offset, 6).map_err(|_| truncated(ramdisk, offset, HEADER))?;
        if magic != MAGIC {
            let mut found = [0; 6];
            found.copy_from_slice(magic);
            return Err(Error::NotAnArchive { offset, found });
        }
        let header = slice(ramdisk, offset, HEADER)?;
        let [mode, file_size, name_size] =
            [field(header, offset, MODE), field(header, offset, FILE_SIZE), field(header, offset, NAME_SIZE)];
        let (mode, file_size, name_size) = (mode?, file_size?, name_size?);

        // Sizes are below 2^32 and offsets below 2^63, a slice's limit: none of these sums overflows.
        let name_end = offset + HEADER + name_size;
        let name = slice(ramdisk, offset + HEADER, name_size)?;
        let start = name_end.next_multiple_of(4);
        let bytes = slice(ramdisk, start, file_size)?;
        let end = (start + file_size).next_multiple_of(4);
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(Self { mode, name, bytes, end })
    }

    /// Returns NAME if this is a regular file `modules/NAME.ko`, or one of `modules-extra`.
    fn module(&self) -> Option<(&'a str, Shelf)> {
        const FILE_KIND: u64 = 0o170_000;
        const REGULAR: u64 = 0o100_000;
        let path = core::str::from_utf8(self.name).ok()?;
        // `find .` writes the names with the dot, other tools without.
        let path = path.strip_prefix("./").or_else(|| path.strip_prefix('/')).unwrap_or(path);
        let shelves = [("modules/", Shelf::All), ("modules-extra/", Shelf::Named)];
        let found = shelves.iter().find_map(|(folder, shelf)| Some((path.strip_prefix(folder)?, *shelf)));
        let (name, shelf) = found?;
        let name = name.strip_suffix(".ko")?;
        (self.mode & FILE_KIND == REGULAR && !name.is_empty() && !name.contains('/')).then_some((name, shelf))
    }
}

/// Reads one field of eight hexadecimal digits; `from_str_radix` alone would also take a sign.
fn field(header: &[u8], entry: u64, at: u64) -> Result<u64, Error> {
    let digits = slice(header, at, 8)?;
    let mut found = [0; 8];
    found.copy_from_slice(digits);
    digits
        .iter()
        .try_fold(0, |value, digit| Some(value * 16 + u64::from(char::from(*digit).to_digit(16)?)))
        .ok_or(Error::ArchiveField { offset: entry + at, found })
}

/// Returns `len` bytes at `offset`, or says how many are missing. No bytes are missing nowhere.
fn slice(ramdisk: &[u8], offset: u64, len: u64) -> Result<&[u8], Error> {
    if len == 0 {
        return Ok(&[]);
    }
    let range = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
    range
        .and_then(|(offset, len)| ramdisk.get(offset..)?.get(..len))
        .ok_or_else(|| truncated(ramdisk, offset, len))
}

/// Says that the ramdisk ends before `wanted` bytes from `offset`.
fn truncated(ramdisk: &[u8], offset: u64, wanted: u64) -> Error {
    Error::TruncatedArchive { offset, wanted, present: (ramdisk.len() as u64).saturating_sub(offset) }
}
