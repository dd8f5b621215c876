//! What lies where on the machine: the E820 map that Xen gives dom0, or that the toolstack gives a domU.
//!
//! *What this is*: entries of `XENMEM_machine_memory_map` and `XENMEM_memory_map` (`public/memory.h`) as ascending
//! regions that do not overlap. The domain builder numbers the guest's pages without regard to them; `p2m::Renumbering`
//! brings the two together.
//!
//! *What must hold*: where entries overlap, what is not RAM wins: nothing that might be something else counts as
//! memory. A page is RAM only if all of it is. Everything above 2^52, where no page-table entry can lead, is cut off.
//!
//! *What is not prevented*: a map that leaves something out. A gap does not count as RAM.

use core::fmt;

use arrayvec::ArrayVec;

use crate::{MAX_FRAMES, PAGE_SIZE, Pfn, PfnRange};

/// The most regions a map may have after neighbours of the same kind are joined. Hosts have twenty to forty.
pub const MAX_REGIONS: usize = 128;

/// The first address that a page-table entry cannot hold.
const END: u64 = MAX_FRAMES * PAGE_SIZE;

/// What a region is (ACPI specification, "Address Range Types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MapKind {
    /// Memory.
    Ram,
    /// Reserved: devices, firmware, or nothing.
    Reserved,
    /// ACPI tables.
    Acpi,
    /// Memory that ACPI firmware needs preserved across sleep.
    Nvs,
    /// Memory with errors, or Xen's own.
    Unusable,
    /// A type without a name here; not RAM.
    Other(u32),
}

impl MapKind {
    const fn of(number: u32) -> Self {
        match number {
            1 => Self::Ram,
            2 => Self::Reserved,
            3 => Self::Acpi,
            4 => Self::Nvs,
            5 => Self::Unusable,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for MapKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ram => f.write_str("RAM"),
            Self::Reserved => f.write_str("a reserved range"),
            Self::Acpi => f.write_str("ACPI tables"),
            Self::Nvs => f.write_str("ACPI NVS"),
            Self::Unusable => f.write_str("unusable memory"),
            Self::Other(number) => write!(f, "a range of type {number}"),
        }
    }
}

/// An entry of the map as Xen writes it (`struct e820entry`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapEntry {
    /// The first byte.
    pub start: u64,
    /// How many bytes.
    pub len: u64,
    /// The type's number.
    pub kind: u32,
}

impl MapEntry {
    /// Bytes an entry takes in Xen's list: it is packed.
    pub const BYTES: usize = 20;

    /// Reads an entry.
    #[must_use]
    pub fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7, l0, l1, l2, l3, l4, l5, l6, l7, kind @ ..] = *bytes;
        Self {
            start: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            len: u64::from_le_bytes([l0, l1, l2, l3, l4, l5, l6, l7]),
            kind: u32::from_le_bytes(kind),
        }
    }

    /// Returns the first address after the entry, or one above every usable address; `None` for RAM with an invalid
    /// length.
    ///
    /// An entry may end at 2^64, which does not fit in an address. If it ends above that, its length is wrong. An entry
    /// that is not RAM is still used, cut off there: it only keeps memory from being used. RAM is accepted whole or
    /// refused.
    fn end(&self) -> Option<u64> {
        // An entry of 0 bytes has no last byte.
        let Some(rest) = self.len.checked_sub(1) else { return Some(self.start) };
        match self.start.checked_add(rest) {
            Some(last) => Some(last.saturating_add(1)),
            None if MapKind::of(self.kind) == MapKind::Ram => None,
            None => Some(u64::MAX),
        }
    }
}

/// A range of the machine's address space of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MapRegion {
    start: u64,
    end: u64,
    kind: MapKind,
}

impl MapRegion {
    /// Returns what the region is.
    #[must_use]
    pub const fn kind(&self) -> MapKind {
        self.kind
    }

    /// Returns the pages that lie in the region: for RAM only whole pages, for anything else every page it touches.
    #[must_use]
    pub(crate) fn pages(&self) -> PfnRange {
        let (start, end) = match self.kind {
            MapKind::Ram => (self.start.div_ceil(PAGE_SIZE), self.end / PAGE_SIZE),
            _ => (self.start / PAGE_SIZE, self.end.div_ceil(PAGE_SIZE)),
        };
        PfnRange::between(Pfn::clamped(start), Pfn::clamped(end))
    }

    /// Tells whether this and another region can be joined: same kind, and no gap between them.
    fn joins(&self, other: Self) -> bool {
        self.kind == other.kind && self.start <= other.end && other.start <= self.end
    }
}

impl fmt::Debug for MapRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for MapRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:#x}..{:#x}", self.kind, self.start, self.end)
    }
}

/// Why a map was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// An entry for RAM ends after the last address, 2^64 - 1.
    #[error(
        "an entry of type {} with {:#x} bytes from {:#x} ends after the last address, \
         0xffffffffffffffff; check the host's firmware",
        .entry.kind, .entry.len, .entry.start
    )]
    Entry {
        /// The entry.
        entry: MapEntry,
    },
    /// The map has more regions than there is room for.
    #[error(
        "the host's memory map has more than {limit} regions; raise MAX_REGIONS in start_info/src/memory_map.rs"
    )]
    TooLong {
        /// How many there is room for.
        limit: usize,
    },
    /// The map has no RAM at all.
    #[error("the host's memory map has no RAM; check the host's firmware")]
    NoRam,
}

/// The map: ascending regions that do not overlap. Between them there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryMap {
    regions: ArrayVec<MapRegion, MAX_REGIONS>,
}

impl MemoryMap {
    /// Makes a map of entries in any order.
    ///
    /// # Errors
    /// [`MapError`] for an entry for RAM that ends above 2^64, for more regions than there is room for, or for a map
    /// without RAM.
    pub fn from_entries(entries: impl Iterator<Item = MapEntry> + Clone) -> Result<Self, MapError> {
        let mut map = Self::default();
        for wanted in [true, false] {
            for entry in entries.clone() {
                let kind = MapKind::of(entry.kind);
                if (kind == MapKind::Ram) == wanted {
                    let end = entry.end().ok_or(MapError::Entry { entry })?;
                    map.put(MapRegion { start: entry.start.min(END), end: end.min(END), kind })?;
                }
            }
        }
        if map.ram().next().is_none() { Err(MapError::NoRam) } else { Ok(map) }
    }

    /// Returns the regions, the lowest first.
    #[must_use]
    pub fn regions(&self) -> &[MapRegion] {
        &self.regions
    }

    /// Returns the runs of RAM pages, the lowest first.
    pub fn ram(&self) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        self.regions
            .iter()
            .filter(|region| region.kind == MapKind::Ram)
            .map(MapRegion::pages)
            .filter(|pages| !pages.is_empty())
    }

    /// Returns the runs of pages below `end` that are not RAM, the lowest first.
    pub fn holes(&self, end: Pfn) -> impl Iterator<Item = PfnRange> + Clone + '_ {
        let mut next = Pfn::new(0);
        let behind = PfnRange::between(end, end);
        self.ram()
            .chain(core::iter::once(behind))
            .map_while(move |ram| {
                if next >= end {
                    return None;
                }
                let hole = PfnRange::between(next, ram.start().min(end));
                next = ram.end();
                Some(hole)
            })
            .filter(|hole| !hole.is_empty())
    }

    /// Tells whether a page is RAM.
    #[must_use]
    pub fn is_ram(&self, pfn: Pfn) -> bool {
        self.ram().any(|ram| ram.contains(pfn))
    }

    /// Returns the first region that is not RAM and touches one of `pages`; `None` for a gap.
    #[must_use]
    pub fn obstacle(&self, pages: PfnRange) -> Option<MapRegion> {
        self.regions
            .iter()
            .copied()
            .find(|region| region.kind != MapKind::Ram && region.pages().overlaps(pages))
    }

    /// Inserts a region, replacing what it overlaps.
    fn put(&mut self, new: MapRegion) -> Result<(), MapError> {
        if new.start >= new.end {
            return Ok(());
        }
        let too_long = |_| MapError::TooLong { limit: MAX_REGIONS };
        // Most entries of a map fall between two others, at most touch them, and join neither.
        let at = self.regions.partition_point(|old| old.end <= new.start);
        let (before, behind) = self.regions.split_at(at);
        let fits = behind.first().is_none_or(|next| new.end <= next.start && !next.joins(new));
        if fits && !before.last().is_some_and(|last| last.joins(new)) {
            return self.regions.try_insert(at, new).map_err(too_long);
        }
        let mut kept = ArrayVec::<MapRegion, MAX_REGIONS>::new();
        let mut new = new;
        let mut placed = false;
        for old in self.regions.iter().copied() {
            if old.joins(new) {
                (new.start, new.end) = (new.start.min(old.start), new.end.max(old.end));
                continue;
            }
            let before = MapRegion { end: old.end.min(new.start), ..old };
            let behind = MapRegion { start: old.start.max(new.end), ..old };
            if before.start < before.end {
                kept.try_push(before).map_err(too_long)?;
            }
            if behind.start < behind.end {
                if !placed {
                    kept.try_push(new).map_err(too_long)?;
                    placed = true;
                }
                kept.try_push(behind).map_err(too_long)?;
            }
        }
        if !placed {
            kept.try_push(new).map_err(too_long)?;
        }
        self.regions = kept;
        Ok(())
    }
}
