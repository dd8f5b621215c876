//! Finds the modules in a ramdisk.
//!
//! *What this is*: a reader of the newc form of cpio (magic 070701), the form the initramfs tools write. The crate we
//! tried, `cpio_reader`, ends its iteration in the same way at a trailer, at a cut and at garbage, but a truncated
//! ramdisk must be distinguished from one without the module. [`RamdiskBytes`] finds the archives.
//!
//! *What must hold*: an archive ends with its trailer; all headers of all archives were walked before the first module
//! is handed out. Names are sorted and searched, so the time for n modules grows no faster than n log n.
//!
//! *What is not prevented*: a flipped byte inside a file, because newc has no checksum; hard links to a module are not
//! followed.

use alloc::vec::Vec;

use crate::module::{
    error::ModuleError,
    name::PrintableName,
    ramdisk::{error::ArchiveError, unpacked::RamdiskBytes},
};

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
    /// `modules`: included in "all".
    All,
    /// `modules-extra`: only when named, or needed by another module.
    Named,
}

/// The modules of one ramdisk, in the order of its archives.
#[derive(Debug, Clone)]
pub struct Archive<'a> {
    modules: Vec<Module<'a>>,
    /// The indices of `modules`, by ascending name.
    by_name: Vec<usize>,
}

impl<'a> Archive<'a> {
    /// Walks all archives of the ramdisk.
    ///
    /// # Errors
    /// [`ModuleError::DuplicateModule`] for two files with the same name; [`ModuleError::NoMemory`].
    pub(crate) fn new(ramdisk: &'a RamdiskBytes<'_>) -> Result<Self, ModuleError> {
        let mut modules: Vec<Module<'a>> = Vec::new();
        ramdisk.entries(&mut |entry| {
            if let Some((name, shelf)) = entry.module() {
                modules.try_reserve(1).map_err(|_| ModuleError::NoMemory { entries: modules.len() + 1 })?;
                modules.push(Module { name, shelf, bytes: entry.bytes });
            }
            Ok(())
        })?;
        let mut by_name: Vec<usize> = Vec::new();
        by_name
            .try_reserve_exact(modules.len())
            .map_err(|_| ModuleError::NoMemory { entries: modules.len() })?;
        by_name.extend(0..modules.len());
        let name = |at: &usize| modules.get(*at).map(|module| module.name);
        by_name.sort_unstable_by_key(name);
        let mut pairs = by_name.iter().zip(by_name.iter().skip(1));
        if let Some(twin) = pairs.find(|(one, other)| name(one) == name(other)).and_then(|(one, _)| name(one))
        {
            return Err(ModuleError::DuplicateModule { module: PrintableName::new(twin.as_bytes()) });
        }
        Ok(Self { modules, by_name })
    }

    /// Returns all modules, in the order of the archives.
    #[must_use]
    pub fn modules(&self) -> &[Module<'a>] {
        &self.modules
    }

    /// Returns the module of that name.
    ///
    /// # Errors
    /// [`ModuleError::NoSuchModule`] when no archive has one.
    pub(crate) fn module(&self, name: &str) -> Result<Module<'a>, ModuleError> {
        self.find(name).map(|(_, module)| module).ok_or_else(|| self.absent(name))
    }

    pub(in crate::module) fn absent(&self, name: &str) -> ModuleError {
        ModuleError::NoSuchModule { module: PrintableName::new(name.as_bytes()), present: self.modules.len() }
    }

    /// Returns the module of that name, and its index among all.
    pub(in crate::module) fn find(&self, name: &str) -> Option<(usize, Module<'a>)> {
        let of = |at: &usize| self.modules.get(*at).map(|module| module.name);
        let rank = self.by_name.binary_search_by_key(&Some(name), of).ok()?;
        let at = *self.by_name.get(rank)?;
        Some((at, *self.modules.get(at)?))
    }
}

/// What is done with an entry.
pub(in crate::module) type Visit<'v, 'a> = dyn FnMut(&Entry<'a>) -> Result<(), ModuleError> + 'v;

/// Walks one archive, from the entry at `start` to its trailer; returns where it ends.
///
/// # Errors
/// [`ModuleError::Archive`] with the byte where it happened, and those of `visit`.
pub(in crate::module) fn walk<'a>(
    bytes: &'a [u8],
    start: u64,
    visit: &mut Visit<'_, 'a>,
) -> Result<u64, ModuleError> {
    let mut offset = start;
    loop {
        let entry = Entry::at(bytes, start, offset)?;
        offset = entry.end;
        if entry.name == TRAILER {
            return Ok(offset);
        }
        visit(&entry)?;
    }
}

/// One entry of an archive.
pub(in crate::module) struct Entry<'a> {
    mode: u64,
    name: &'a [u8],
    bytes: &'a [u8],
    end: u64,
}

impl<'a> Entry<'a> {
    /// Reads the entry that starts at `offset`, of the archive that starts at `archive`.
    fn at(ramdisk: &'a [u8], archive: u64, offset: u64) -> Result<Self, ArchiveError> {
        // The magic number is checked before the length: garbage or padding shorter than a header is not a truncated
        // entry.
        let magic = slice(ramdisk, offset, 6).map_err(|_| truncated(ramdisk, offset, HEADER))?;
        if magic != MAGIC {
            let mut found = [0; 6];
            found.copy_from_slice(magic);
            return Err(ArchiveError::NotAnArchive { offset, found });
        }
        let header = slice(ramdisk, offset, HEADER)?;
        let [mode, file_size, name_size] =
            [field(header, offset, MODE), field(header, offset, FILE_SIZE), field(header, offset, NAME_SIZE)];
        let (mode, file_size, name_size) = (mode?, file_size?, name_size?);

        // Sizes are below 2^32 and offsets below 2^63, a slice's limit: none of these sums overflows.
        let name_end = offset + HEADER + name_size;
        let name = slice(ramdisk, offset + HEADER, name_size)?;
        // Tools that concatenate archives need not start one at a multiple of four.
        let padded = |end: u64| archive + (end - archive).next_multiple_of(4);
        let start = padded(name_end);
        let bytes = slice(ramdisk, start, file_size)?;
        let end = padded(start + file_size);
        let name = slice(name, 0, name.iter().take_while(|byte| **byte != 0).count() as u64)?;
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
fn field(header: &[u8], entry: u64, at: u64) -> Result<u64, ArchiveError> {
    let digits = slice(header, at, 8)?;
    let mut found = [0; 8];
    found.copy_from_slice(digits);
    digits
        .iter()
        .try_fold(0, |value, digit| Some(value * 16 + u64::from(char::from(*digit).to_digit(16)?)))
        .ok_or(ArchiveError::Field { offset: entry + at, found })
}

/// Returns `len` bytes at `offset`, or says how many are missing. A request for 0 bytes never fails.
fn slice(ramdisk: &[u8], offset: u64, len: u64) -> Result<&[u8], ArchiveError> {
    if len == 0 {
        return Ok(&[]);
    }
    let range = usize::try_from(offset).ok().zip(usize::try_from(len).ok());
    range
        .and_then(|(offset, len)| ramdisk.get(offset..)?.get(..len))
        .ok_or_else(|| truncated(ramdisk, offset, len))
}

/// Returns the error that the ramdisk ends before `wanted` bytes from `offset`.
fn truncated(ramdisk: &[u8], offset: u64, wanted: u64) -> ArchiveError {
    ArchiveError::Truncated { offset, wanted, present: (ramdisk.len() as u64).saturating_sub(offset) }
}
