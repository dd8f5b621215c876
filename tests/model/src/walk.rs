//! Translation by walking tables, as the processor does.
//!
//! *What this is*: from a top-level table and an address to the leaf, for loads and stores, for `update_va_mapping`,
//! and for tests that look at an address space.
//!
//! *What must hold*: a walk changes nothing. Xen's part of the address space has no leaves here; the guest reads the
//! M2P by `MachineToPhys`.

use start_info::Mfn;
use std::fmt;

use crate::frames::FrameIndex;
use crate::machine::ModelMachine;
use crate::pte::Pte;
use crate::types::XEN_SLOTS;

/// Why an address has no leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotMapped {
    /// The address is in Xen's part of the address space.
    Xens,
    /// The address is not canonical.
    NotCanonical,
    /// The entry of this level is empty.
    Empty(u8),
    /// The entry of this level does not lead to the guest's memory.
    Wild(u8),
}

impl fmt::Display for NotMapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Xens => f.write_str("it is Xen's"),
            Self::NotCanonical => f.write_str("it is not canonical"),
            Self::Empty(level) => write!(f, "its L{level} entry is empty"),
            Self::Wild(level) => write!(f, "its L{level} entry leads to no memory"),
        }
    }
}

/// What maps an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The first address of the page.
    pub address: u64,
    /// The L1 entry.
    pub pte: Pte,
    /// Whether all levels allow writing.
    pub writable: bool,
    /// Whether all levels allow executing.
    pub executable: bool,
}

/// Returns which entry of a table of `level` covers an address.
pub(crate) const fn index(address: u64, level: u8) -> usize {
    (address >> (12 + 9 * (level as u32 - 1))) as usize % 512
}

impl ModelMachine {
    /// Returns the leaf that maps `address` in the address space of the top-level table `root`.
    ///
    /// # Errors
    /// Why there is none.
    pub fn leaf(&self, root: Mfn, address: u64) -> Result<Leaf, NotMapped> {
        let root = self.frame(root).ok_or(NotMapped::Wild(4))?;
        self.walk(root, address)
    }

    /// Returns the leaf that maps `address` now.
    ///
    /// # Errors
    /// Why there is none.
    pub fn live_leaf(&self, address: u64) -> Result<Leaf, NotMapped> {
        self.walk(self.root.ok_or(NotMapped::Wild(4))?, address)
    }

    pub(crate) fn walk(&self, root: FrameIndex, address: u64) -> Result<Leaf, NotMapped> {
        let (table, (writable, executable)) = self.descend(root, address)?;
        let pte = Pte(self.contents.word(table, index(address, 1)));
        if !pte.is_present() {
            return Err(NotMapped::Empty(1));
        }
        let (writable, executable) = (writable && pte.is_writable(), executable && pte.is_executable());
        Ok(Leaf { address: address & !0xfff, pte, writable, executable })
    }

    /// Returns the L1 table that covers `address`.
    pub(crate) fn table_for(&self, root: FrameIndex, address: u64) -> Result<FrameIndex, NotMapped> {
        self.descend(root, address).map(|(table, _)| table)
    }

    /// Returns the L1 table, and whether the levels above it allow writing and executing.
    fn descend(&self, root: FrameIndex, address: u64) -> Result<(FrameIndex, (bool, bool)), NotMapped> {
        if (address as i64) << 16 >> 16 != address as i64 {
            return Err(NotMapped::NotCanonical);
        }
        if XEN_SLOTS.contains(&index(address, 4)) {
            return Err(NotMapped::Xens);
        }
        let (mut table, mut writable, mut executable) = (root, true, true);
        for level in (2..=4).rev() {
            let pte = Pte(self.contents.word(table, index(address, level)));
            if !pte.is_present() {
                return Err(NotMapped::Empty(level));
            }
            table = self.frame(pte.mfn()).ok_or(NotMapped::Wild(level))?;
            writable &= pte.is_writable();
            executable &= pte.is_executable();
        }
        Ok((table, (writable, executable)))
    }

    /// Calls `visit` with every leaf of an address space outside Xen's slots, in ascending order.
    pub fn each_leaf(&self, root: Mfn, mut visit: impl FnMut(Leaf)) {
        if let Some(root) = self.frame(root) {
            self.each_below(root, 4, 0, (true, true), &mut visit);
        }
    }

    fn each_below(
        &self,
        table: FrameIndex,
        level: u8,
        base: u64,
        (writable, executable): (bool, bool),
        visit: &mut impl FnMut(Leaf),
    ) {
        for (slot, word) in self.contents.words(table).into_iter().enumerate() {
            if level == 4 && XEN_SLOTS.contains(&slot) {
                continue;
            }
            let pte = Pte(word);
            if !pte.is_present() {
                continue;
            }
            let offset = (slot as u64) << (12 + 9 * (u32::from(level) - 1));
            let high = if level == 4 && slot >= 256 { 0xffff_0000_0000_0000 } else { 0 };
            let address = base | offset | high;
            let writable = writable && pte.is_writable();
            let executable = executable && pte.is_executable();
            if level == 1 {
                visit(Leaf { address, pte, writable, executable });
            } else if let Some(below) = self.frame(pte.mfn()) {
                self.each_below(below, level - 1, address, (writable, executable), visit);
            }
        }
    }
}
