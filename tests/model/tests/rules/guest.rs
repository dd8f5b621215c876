//! A small guest and shorthands for its actions.

use mmu::{Errno, Partial};
use start_info::Mfn;
use xen_model::{GuestConfig, ModelMachine, PageInfo, PageType};

pub(crate) const BASE: u64 = 0xffff_ffff_8000_0000;
pub(crate) const RW: u64 = 0x8000_0000_0000_0063;
pub(crate) const RO: u64 = 0x8000_0000_0000_0061;
pub(crate) const TABLE: u64 = 0x67;

/// A guest at entry, and unused pages of it.
pub(crate) struct Small {
    pub(crate) machine: ModelMachine,
    next: u64,
}

impl Small {
    pub(crate) fn new() -> Self {
        Self { machine: GuestConfig::new(64 << 8).build().unwrap().machine, next: 0x100 }
    }

    pub(crate) fn mfn(&self, pfn: u64) -> Mfn {
        self.machine.built_mfn(pfn).unwrap()
    }

    /// Returns a page that was not used before, filled with zeros.
    pub(crate) fn page(&mut self) -> u64 {
        self.next += 1;
        self.fill(self.next, 0);
        self.next
    }

    pub(crate) fn fill(&mut self, pfn: u64, value: u64) {
        (0..512).for_each(|index| self.machine.write(BASE + pfn * 4096 + index * 8, value).unwrap());
    }

    /// Writes an entry of a page that is mapped writable.
    pub(crate) fn set(&mut self, pfn: u64, index: u64, value: u64) {
        self.machine.write(BASE + pfn * 4096 + index * 8, value).unwrap();
    }

    /// Returns an entry that leads to a page.
    pub(crate) fn entry(&self, pfn: u64, flags: u64) -> u64 {
        self.mfn(pfn).maddr().get() | flags
    }

    /// Changes how the boot mapping maps a page.
    pub(crate) fn remap(&mut self, pfn: u64, flags: u64) -> Result<(), Errno> {
        let entry = self.entry(pfn, flags);
        self.machine.update_address(BASE + pfn * 4096, entry)
    }

    /// Returns a page that is mapped read-only and so can become a table; zeros except for the given entries.
    pub(crate) fn table(&mut self, entries: &[(u64, u64)]) -> u64 {
        let pfn = self.page();
        entries.iter().for_each(|&(index, value)| self.set(pfn, index, value));
        self.remap(pfn, RO).unwrap();
        pfn
    }

    /// Updates one entry of a table.
    pub(crate) fn update(&mut self, pfn: u64, index: u64, value: u64) -> Result<(), Errno> {
        let target = self.mfn(pfn).maddr().get() + index * 8;
        self.machine.update_entries(&[(target, value)]).map_err(|stopped| stopped.errno)
    }

    pub(crate) fn extended(&mut self, command: u32, mfn: Mfn) -> Result<(), Errno> {
        self.machine.extended_operations(&[(command, mfn.get(), 0)]).map_err(|stopped: Partial| stopped.errno)
    }

    pub(crate) fn pin(&mut self, level: u32, pfn: u64) -> Result<(), Errno> {
        self.extended(level - 1, self.mfn(pfn))
    }

    pub(crate) fn unpin(&mut self, pfn: u64) -> Result<(), Errno> {
        self.extended(4, self.mfn(pfn))
    }

    pub(crate) fn new_root(&mut self, pfn: u64) -> Result<(), Errno> {
        self.extended(5, self.mfn(pfn))
    }

    pub(crate) fn record(&self, pfn: u64) -> PageInfo {
        self.machine.record(self.mfn(pfn)).unwrap()
    }

    /// Returns what a page is used as and how often.
    pub(crate) fn used(&self, pfn: u64) -> Option<(PageType, u64)> {
        let record = self.record(pfn);
        (record.count() > 0).then_some((record.kind(), record.count()))
    }

    /// Carries out something that must be refused without changing a count.
    pub(crate) fn refused(&mut self, what: impl FnOnce(&mut Self) -> Result<(), Errno>) -> Errno {
        let before = self.records();
        let errno = what(self).unwrap_err();
        assert!(self.records() == before, "{errno}: a refused operation left other counts");
        xen_model::audit::references(&self.machine).assert_none();
        errno
    }

    fn records(&self) -> Vec<(u64, u64, bool)> {
        let record = |pfn| self.record(pfn);
        let parts = |record: PageInfo| (record.count(), record.references(), record.is_pinned());
        (0..self.machine.pages()).map(record).map(parts).collect()
    }
}
