//! The page tables the builder left, walked and checked.
//!
//! *What this is*: the live root at entry, and how far the builder's mapping really reaches. start_info does not say:
//! both domain builders round up to 4 MiB so that 512 KiB are left after the stack, and an exact fit may add 4 MiB
//! more.
//!
//! *What must hold*: the tables are read through the mapping that they make.

use p2m::{Authority, LinearMap, List, MachineToPhys, Memory, P2mEntry, Translate};
use start_info::{BootFacts, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    error::MmuError,
    layout::{BUILDER_ALIGNMENT, DIRECT_MAP, KERNEL_MAP},
    space::live_tables::LiveTables,
};

/// The builder's live tables.
#[derive(Debug)]
pub struct BuilderTables {
    view: LiveTables,
    linear: LinearMap,
}

impl BuilderTables {
    /// Walks the builder's tables and finds the end of its mapping.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when the P2M has no frame for the root; [`MmuError::BuilderEnd`] when the mapping does
    /// not end where it must by start_info.
    pub fn adopt<M: Memory + MachineToPhys>(
        authority: Authority,
        machine: &M,
        list: &List,
        facts: &BootFacts,
    ) -> Result<Self, MmuError> {
        let pfn = facts.page_tables().pfns.start();
        let P2mEntry::Ram(mfn) = list.entry(machine, pfn) else { return Err(MmuError::NoMemory { pfn }) };
        let least = facts.least_boot_end();
        // All tables lie below the stack, so this much of the mapping is enough to find its real end.
        let linear = LinearMap::of_builder(&authority, KERNEL_MAP, least.count_below());
        let mut view = LiveTables::new(authority, (pfn, mfn), LinearMap::empty(DIRECT_MAP), Some(linear));
        for end in [least, least.plus(BUILDER_ALIGNMENT)] {
            let is_mapped = |number: u64| match KERNEL_MAP.as_u64().checked_add(number * PAGE_SIZE) {
                Some(address) => view.maps(machine, VirtAddr::new_truncate(address)),
                None => Ok(false),
            };
            if !is_mapped(end.get() - 1)? {
                return Err(MmuError::BuilderEnd { found: end.get() - 1, least: least.get() });
            }
            if !is_mapped(end.get())? {
                let linear = LinearMap::of_builder(view.authority(), KERNEL_MAP, end.count_below());
                view.set_builder(linear);
                return Ok(Self { view, linear });
            }
        }
        Err(MmuError::BuilderEnd { found: least.get() + 2 * BUILDER_ALIGNMENT, least: least.get() })
    }

    /// Returns the builder's mapping as a [`LinearMap`].
    #[must_use]
    pub(crate) const fn linear(&self) -> &LinearMap {
        &self.linear
    }

    pub(crate) const fn view(&self) -> &LiveTables {
        &self.view
    }

    /// Returns the live tables, which the direct map takes over.
    pub(crate) fn into_view(self) -> LiveTables {
        self.view
    }
}

impl LiveTables {
    /// Tells whether a page is mapped at `address`.
    fn maps<M: Memory + MachineToPhys>(&self, machine: &M, address: VirtAddr) -> Result<bool, MmuError> {
        match self.leaf(machine, address) {
            Ok((_, entry)) => Ok(entry.is_present()),
            Err(MmuError::NotMapped { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
