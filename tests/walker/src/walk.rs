//! The page tables in a core, as the processor would walk them.
//!
//! *What this is*: [`Tables`] visits each table once and finds what is wrong with tables themselves; [`leaves`] then
//! visits every mapping with the access all four levels allow together. [`translate`] follows one address.
//!
//! *What must hold*: Xen's own L4 slots are not walked; they lead to pages that are not in a core.
//!
//! *What is not prevented*: a guest that maps one L1 at very many addresses makes the walk long; it stops at
//! [`VISIT_LIMIT`] tables.

use std::{collections::HashMap, fmt};

use start_info::{Mfn, Pfn};
use x86_64::VirtAddr;

use crate::{CoreFile, Finding, Level, WalkError, WalkedEntry, report::Findings};

/// An entry of a table and the first address it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The address.
    pub va: VirtAddr,
    /// The table's level.
    pub level: Level,
    /// The entry.
    pub entry: WalkedEntry,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "va {:#x} {} entry {}", self.va, self.level, self.entry)
    }
}

/// A mapped page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalkedLeaf {
    /// Its address and L1 entry.
    pub slot: Slot,
    /// The frame.
    pub mfn: Mfn,
    /// The guest's number for the frame; `None` if the frame is not the guest's.
    pub pfn: Option<Pfn>,
    /// All four levels allow writing.
    pub writable: bool,
    /// All four levels allow execution.
    pub executable: bool,
}

impl fmt::Display for WalkedLeaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mfn {}", self.slot, self.mfn)?;
        match self.pfn {
            Some(pfn) => write!(f, " pfn {pfn}"),
            None => write!(f, " (not the guest's)"),
        }
    }
}

/// Xen's part of every root table (xen.h, "64-bit" virtual memory layout).
const XEN_SLOTS: std::ops::RangeInclusive<u64> = 256..=271;

/// Xen's one slot that names a page of the guest: the root itself (mm.c, init_xen_l4_slots).
const XEN_SELF_SLOT: u64 = 258;

/// Table visits after which a walk gives up; 128 GiB with three mappings of everything need fewer.
const VISIT_LIMIT: u64 = 1 << 20;

/// Every table reachable from the roots collected, with its level.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    levels: HashMap<Mfn, Level>,
}

impl Tables {
    /// Adds the tables under `root`.
    pub(crate) fn collect(
        &mut self,
        core: &CoreFile,
        root: Mfn,
        found: &mut Findings,
    ) -> Result<(), WalkError> {
        if core.pfn(root).is_none() {
            return Err(WalkError::RootNotDumped { mfn: root });
        }
        self.visit(core, root, Level::L4, 0, found)
    }

    pub(crate) fn level(&self, mfn: Mfn) -> Option<Level> {
        self.levels.get(&mfn).copied()
    }

    pub(crate) fn count(&self, level: Level) -> u64 {
        self.levels.values().filter(|other| **other == level).count() as u64
    }

    fn visit(
        &mut self,
        core: &CoreFile,
        mfn: Mfn,
        level: Level,
        base: u64,
        found: &mut Findings,
    ) -> Result<(), WalkError> {
        match self.levels.insert(mfn, level) {
            Some(seen) if seen == level => return Ok(()),
            Some(seen) => {
                self.levels.insert(mfn, seen);
                let va = VirtAddr::new_truncate(base);
                found.push(Finding::TwoLevels { va, mfn, pfn: core.pfn(mfn), levels: [seen, level] });
                return Ok(());
            }
            None => {}
        }
        let Some(words) = core.read_frame(mfn)? else { return Ok(()) };
        for (index, raw) in (0..).zip(words) {
            let address = base | index << level.shift();
            let entry = WalkedEntry::new(raw);
            let slot = Slot { va: VirtAddr::new_truncate(address), level, entry };
            let target = entry.mfn();
            if level == Level::L4 && XEN_SLOTS.contains(&index) {
                let is_own_linear = index == XEN_SELF_SLOT && target == mfn;
                if let Some(pfn) = core.pfn(target)
                    && entry.is_present()
                    && !is_own_linear
                {
                    found.push(Finding::EntryInHole { slot, mfn: target, pfn });
                }
                continue;
            }
            if !entry.is_present() {
                if raw != 0 {
                    found.push(Finding::AbsentNotZero { slot, table: mfn });
                }
                continue;
            }
            let Some(below) = level.below() else { continue };
            if entry.is_large() {
                found.push(Finding::LargePage { slot, mfn: target });
            } else if core.pfn(target).is_none() {
                found.push(Finding::ForeignTable { slot, mfn: target });
            } else {
                self.visit(core, target, below, address, found)?;
            }
        }
        Ok(())
    }
}

/// Calls `visit` with every page mapped under `root`, by ascending address within each half.
pub(crate) fn leaves(
    core: &CoreFile,
    tables: &Tables,
    root: Mfn,
    visit: &mut dyn FnMut(&WalkedLeaf),
) -> Result<(), WalkError> {
    let top = Path { mfn: root, level: Level::L4, base: 0, writable: true, executable: true };
    LeafWalk { core, tables, visit, visits: 0 }.descend(&top)
}

/// Returns the page mapped at `va` under `root`; `None` if a level is absent, large or not the guest's.
pub(crate) fn translate(core: &CoreFile, root: Mfn, va: VirtAddr) -> Result<Option<WalkedLeaf>, WalkError> {
    let mut path = Path { mfn: root, level: Level::L4, base: 0, writable: true, executable: true };
    loop {
        let index = (va.as_u64() >> path.level.shift()) % 512;
        let Some(entry) = core.read_entry(path.mfn, index)? else { return Ok(None) };
        if !entry.is_present() || (entry.is_large() && path.level != Level::L1) {
            return Ok(None);
        }
        match path.level.below() {
            None => return Ok(Some(path.leaf(core, index, entry))),
            Some(below) => path = path.through(index, entry, below),
        }
    }
}

/// A table on the way down, and what the levels above allow.
#[derive(Clone, Copy, Debug)]
struct Path {
    mfn: Mfn,
    level: Level,
    base: u64,
    writable: bool,
    executable: bool,
}

impl Path {
    fn address(&self, index: u64) -> u64 {
        self.base | index << self.level.shift()
    }

    fn through(&self, index: u64, entry: WalkedEntry, below: Level) -> Self {
        Self {
            mfn: entry.mfn(),
            level: below,
            base: self.address(index),
            writable: self.writable && entry.is_writable(),
            executable: self.executable && entry.is_executable(),
        }
    }

    fn leaf(&self, core: &CoreFile, index: u64, entry: WalkedEntry) -> WalkedLeaf {
        let va = VirtAddr::new_truncate(self.address(index));
        WalkedLeaf {
            slot: Slot { va, level: self.level, entry },
            mfn: entry.mfn(),
            pfn: core.pfn(entry.mfn()),
            writable: self.writable && entry.is_writable(),
            executable: self.executable && entry.is_executable(),
        }
    }
}

struct LeafWalk<'w> {
    core: &'w CoreFile,
    tables: &'w Tables,
    visit: &'w mut dyn FnMut(&WalkedLeaf),
    visits: u64,
}

impl LeafWalk<'_> {
    fn descend(&mut self, path: &Path) -> Result<(), WalkError> {
        self.visits += 1;
        if self.visits > VISIT_LIMIT {
            return Err(WalkError::TooManyTables { limit: VISIT_LIMIT });
        }
        let Some(words) = self.core.read_frame(path.mfn)? else { return Ok(()) };
        for (index, raw) in (0..).zip(words) {
            let entry = WalkedEntry::new(raw);
            if !entry.is_present() || (path.level == Level::L4 && XEN_SLOTS.contains(&index)) {
                continue;
            }
            match path.level.below() {
                None => (self.visit)(&path.leaf(self.core, index, entry)),
                // Only tables the collection accepted at this level: the others are findings already.
                Some(below) if !entry.is_large() && self.tables.level(entry.mfn()) == Some(below) => {
                    self.descend(&path.through(index, entry, below))?;
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
