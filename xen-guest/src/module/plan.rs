//! What loading a module will do, decided before anything is done.
//!
//! *What this is*: from an object's bytes, the pages it needs in parts, which bytes go where, and, once its address is
//! known, what the relocations store. All checks are made here: the executor can carry the plan out without any.
//!
//! *What must hold*: what is not copied, `.bss` and the gaps between sections, is zero; patches lie inside what was
//! copied. [`Content`] ensures both. A copy or patch may cross a page boundary.
//!
//! *What is not prevented*: loading one plan twice. Each address gets its own patches.

use alloc::vec::Vec;

use start_info::{PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

use crate::module::{
    content::Content,
    error::ModuleError,
    name::PrintableName,
    object::{
        elf::Object,
        info::Info,
        part_kind::{PARTS, PartKind},
        relocation::{self, Relocation},
        relocation_kind::RelocationKind,
        section::{self, Part, SLOT, Section},
        symbol::{self, Exported, Place, Symbol},
    },
};

/// The function the loader calls once the module is in place: `extern "C" fn() -> i32`, zero for success.
const INIT: &str = "module_init";

/// The function the loader calls before it takes the module away, if there is one: `extern "C" fn()`.
const EXIT: &str = "module_exit";

/// A module ready to be placed at any address within reach of what it calls.
#[derive(Debug, Clone)]
pub(crate) struct Plan<'a> {
    sections: Vec<Section<'a>>,
    info: Info<'a>,
    parts: [Part; PARTS],
    pages: PageCount,
    alignment: u64,
    init: u64,
    exit: Option<u64>,
    // Ordered by their index in the file, like the sections: both are found by it.
    symbols: Vec<Symbol<'a>>,
    relocations: Vec<Relocation>,
    exports: Vec<Exported<'a>>,
}

/// Bytes a relocation stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Patch {
    offset: u64,
    value: Value,
}

/// What a relocation stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Half([u8; 4]),
    Word([u8; 8]),
}

impl Patch {
    /// Makes the patch that stores the low `width` bytes of `value`: four, or otherwise all.
    const fn new(offset: u64, value: u64, width: usize) -> Self {
        let value = match width {
            4 => Value::Half((value as u32).to_le_bytes()),
            _ => Value::Word(value.to_le_bytes()),
        };
        Self { offset, value }
    }

    /// Returns where the bytes go, counted from the module's first.
    #[must_use]
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the bytes to store: four or eight.
    #[must_use]
    pub(crate) const fn bytes(&self) -> &[u8] {
        match &self.value {
            Value::Half(bytes) => bytes,
            Value::Word(bytes) => bytes,
        }
    }
}

impl<'a> Plan<'a> {
    /// Plans the loading of the object in `bytes` into at most `room` pages.
    ///
    /// # Errors
    /// Every variant of [`ModuleError`] that is about an object: the file, its sections, symbols and relocations;
    /// [`ModuleError::NoEntry`] without a `module_init`; [`ModuleError::TooLarge`] if `room` is not enough;
    /// [`ModuleError::NoMemory`].
    pub(crate) fn new(bytes: &'a [u8], room: PageCount) -> Result<Self, ModuleError> {
        let object = Object::open(bytes)?;
        let info = Info::read(&object)?;
        let mut sections = section::collect(&object)?;
        let relocations = relocation::collect(&object, &sections)?;

        let used = symbols_of(&relocations, |_| true)?;
        let slotted = symbols_of(&relocations, |kind| kind == RelocationKind::Slot32)?;
        let placed = section::place(&object, &mut sections, slotted.len() as u64, room)?;

        let mut symbols = Vec::new();
        symbols.try_reserve_exact(used.len()).map_err(|_| ModuleError::NoMemory { entries: used.len() })?;
        for index in used {
            let mut symbol = Symbol::read(&object, &sections, index)?;
            symbol.slot = slotted.binary_search(&index).ok().map(|rank| placed.slots + rank as u64 * SLOT);
            symbols.push(symbol);
        }
        let exports = symbol::exports(&object, &sections)?;
        let init = symbol::entry(&object, &sections, INIT, PartKind::is_code)?;
        let init = init.ok_or(ModuleError::NoEntry { symbol: INIT })?;
        let exit = symbol::entry(&object, &sections, EXIT, |kind| kind == PartKind::Text)?;
        let alignment = sections.iter().map(|section| section.align).fold(PAGE_SIZE, u64::max);
        let (parts, pages) = (placed.parts, placed.pages);
        Ok(Self { sections, info, parts, pages, alignment, init, exit, symbols, relocations, exports })
    }

    /// Returns what the module says about itself.
    #[must_use]
    pub(crate) const fn info(&self) -> &Info<'a> {
        &self.info
    }

    /// Returns the parts in the order they lie in; one may be empty.
    #[must_use]
    pub(crate) const fn parts(&self) -> &[Part; PARTS] {
        &self.parts
    }

    /// Returns how many pages stay once the module has started; those of its init parts come last.
    #[must_use]
    pub(crate) fn kept(&self) -> PageCount {
        let first = self.parts.iter().find(|part| part.kind.is_init());
        first.map_or(self.pages, |part| part.start)
    }

    /// Returns the symbols the module wants from others.
    pub(crate) fn imports(&self) -> impl Iterator<Item = &'a str> {
        let imports = self.symbols.iter().filter(|symbol| symbol.place == Place::Import);
        imports.filter_map(|symbol| core::str::from_utf8(symbol.name).ok())
    }

    /// Returns the symbols the module lends to others, by name in ascending order, each with its offset.
    pub(crate) fn exports(&self) -> impl Iterator<Item = (&'a str, u64)> {
        self.exports.iter().map(|export| (export.name, export.offset))
    }

    /// Returns how many relocations the module has.
    #[must_use]
    pub(crate) fn relocations(&self) -> usize {
        self.relocations.len()
    }

    /// Returns how many symbols its relocations refer to.
    #[must_use]
    pub(crate) fn symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Returns how many pages the module takes.
    #[must_use]
    pub(crate) const fn pages(&self) -> PageCount {
        self.pages
    }

    /// Returns what the module's address must be a multiple of: a page, unless a section asks for more.
    #[must_use]
    pub(crate) const fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Returns the offset of `module_init`.
    #[must_use]
    pub(crate) const fn init(&self) -> u64 {
        self.init
    }

    /// Returns the offset of `module_exit`, if the module has one.
    #[must_use]
    pub(crate) const fn exit(&self) -> Option<u64> {
        self.exit
    }

    /// Returns the bytes to copy and the offset each run goes to; no two overlap.
    pub(crate) fn copies(&self) -> impl Iterator<Item = (u64, &'a [u8])> {
        let filled = self.sections.iter().filter(|section| !section.bytes.is_empty());
        filled.map(|section| (section.offset, section.bytes))
    }

    /// Returns each loaded section's index in the file and its offset.
    #[cfg(test)]
    pub(super) fn placement(&self) -> impl Iterator<Item = (usize, u64)> {
        self.sections.iter().map(|section| (section.index, section.offset))
    }

    /// Returns the offset of the first slot.
    #[cfg(test)]
    pub(super) fn slots(&self) -> Option<u64> {
        self.symbols.iter().find_map(|symbol| symbol.slot)
    }

    /// Decides what the pages hold when the module lies at `base` and `exports` resolves other symbols.
    ///
    /// All patches are computed before any is returned, so a module that is refused has changed nothing.
    ///
    /// # Errors
    /// [`ModuleError::Base`] for an address the module cannot have, [`ModuleError::Unresolved`] for a symbol `exports`
    /// does not know, [`ModuleError::Overflow`] for a value its field cannot hold, [`ModuleError::PatchesMeet`],
    /// [`ModuleError::NoMemory`].
    pub(crate) fn resolve(
        &self,
        base: VirtAddr,
        exports: &dyn Fn(&str) -> Option<VirtAddr>,
    ) -> Result<Content<'a>, ModuleError> {
        Content::new(self, self.patches(base, exports)?)
    }

    /// Computes what the relocations store.
    fn patches(
        &self,
        base: VirtAddr,
        exports: &dyn Fn(&str) -> Option<VirtAddr>,
    ) -> Result<Vec<Patch>, ModuleError> {
        let start = self.check_base(base)?;
        let entries = self.relocations.len() + self.symbols.len();
        let mut patches = Vec::new();
        patches.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
        let mut addresses = Vec::new();
        addresses.try_reserve_exact(self.symbols.len()).map_err(|_| ModuleError::NoMemory { entries })?;
        for symbol in &self.symbols {
            let address = address(symbol, start, exports)?;
            addresses.push(address);
            patches.extend(symbol.slot.map(|slot| Patch::new(slot, address, size_of_val(&address))));
        }
        for relocation in &self.relocations {
            // Neither look-up can fail: both tables were made from these relocations. An error is better than a skipped
            // relocation.
            let found = self.symbols.binary_search_by_key(&relocation.symbol, |symbol| symbol.index).ok();
            let symbol = found.and_then(|rank| Some((self.symbols.get(rank)?, *addresses.get(rank)?)));
            let section = section::find(&self.sections, relocation.section);
            let (Some((symbol, address)), Some(section)) = (symbol, section) else {
                return Err(ModuleError::Unresolved { symbol: PrintableName::new(b"of a relocation") });
            };
            let target = match symbol.slot {
                Some(slot) if relocation.kind == RelocationKind::Slot32 => start + slot,
                _ => address,
            };
            let (kind, offset) = (relocation.kind, section.offset + relocation.offset);
            let value = kind.value(target, relocation.addend, start + offset).map_err(|value| {
                ModuleError::Overflow {
                    symbol: PrintableName::new(symbol.name),
                    kind,
                    place: start + offset,
                    value,
                }
            })?;
            patches.push(Patch::new(offset, value, kind.width()));
        }
        Ok(patches)
    }

    /// Checks that the module can lie at `base`, so that `base` plus an offset never overflows.
    fn check_base(&self, base: VirtAddr) -> Result<u64, ModuleError> {
        let last = base.as_u64().checked_add(self.pages.bytes().saturating_sub(1));
        let fits = last.is_some_and(|last| VirtAddr::try_new(last).is_ok());
        if fits && base.is_aligned(self.alignment) {
            Ok(base.as_u64())
        } else {
            Err(ModuleError::Base { base, alignment: self.alignment, pages: self.pages })
        }
    }
}

/// Returns a symbol's address in a module that lies at `start`.
fn address(
    symbol: &Symbol<'_>,
    start: u64,
    exports: &dyn Fn(&str) -> Option<VirtAddr>,
) -> Result<u64, ModuleError> {
    match symbol.place {
        Place::Inside(offset) => Ok(start + offset),
        Place::Absolute(value) => Ok(value),
        Place::Import => core::str::from_utf8(symbol.name)
            .ok()
            .and_then(exports)
            .map(VirtAddr::as_u64)
            .ok_or_else(|| ModuleError::Unresolved { symbol: PrintableName::new(symbol.name) }),
    }
}

/// Returns the symbols that relocations of some kinds refer to, each once, in the file's order.
fn symbols_of(
    relocations: &[Relocation],
    wanted: impl Fn(RelocationKind) -> bool,
) -> Result<Vec<u32>, ModuleError> {
    let mut symbols = Vec::new();
    symbols
        .try_reserve_exact(relocations.len())
        .map_err(|_| ModuleError::NoMemory { entries: relocations.len() })?;
    symbols.extend(relocations.iter().filter(|one| wanted(one.kind)).map(|one| one.symbol));
    symbols.sort_unstable();
    symbols.dedup();
    Ok(symbols)
}
