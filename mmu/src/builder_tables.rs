//! The page tables the builder left, walked and checked.
//!
//! *What this is*: the live root at entry and how far the builder's mapping really reaches. start_info does not say: both
//! builders round up to 4 MiB so that 512 KiB stay behind the stack, and an exact fit may add 4 MiB more.
//!
//! *What must hold*: the tables are read through the mapping they themselves make.

use p2m::{Entry as P2mEntry, List, MachineToPhys, Memory, Translate, Window};
use start_info::{BootFacts, Mfn, PageCount, Pfn};

use crate::{
    error::Error,
    layout::{BUILDER_ALIGNMENT, KERNEL_MAP},
    view::View,
};

/// The builder's live tables.
#[derive(Debug)]
pub struct BuilderTables {
    root: (Pfn, Mfn),
    window: Window,
}

impl BuilderTables {
    /// Walks the builder's tables and finds the end of its mapping.
    ///
    /// # Errors
    /// [`Error::NoMemory`] when the P2M gives the root no frame; [`Error::BuilderEnd`] when the mapping does not end where
    /// it must, by start_info.
    pub fn adopt<M: Memory + MachineToPhys>(
        machine: &M,
        list: &List,
        facts: &BootFacts,
    ) -> Result<Self, Error> {
        let pfn = Pfn::try_new(facts.page_tables().pfns.start())
            .map_err(|_| Error::NoMemory { pfn: Pfn::new(0) })?;
        let P2mEntry::Ram(mfn) = list.entry(machine, pfn) else { return Err(Error::NoMemory { pfn }) };
        let least = facts.least_boot_end().get();
        // All tables lie below the stack, so this window is enough to find how far it really goes.
        let pages = PageCount::try_new(least).unwrap_or_default();
        let view =
            View::new((pfn, mfn), Window::empty(KERNEL_MAP), Some(Window::of_builder(KERNEL_MAP, pages)));
        let mut end = least;
        for _ in 0..2 {
            if !view.maps(machine, KERNEL_MAP + (end - 1) * 4096)? {
                return Err(Error::BuilderEnd { found: end - 1, least });
            }
            let more = KERNEL_MAP.as_u64().checked_add(end * 4096).is_some()
                && view.maps(machine, KERNEL_MAP + end * 4096)?;
            if !more {
                let pages = PageCount::try_new(end).unwrap_or_default();
                return Ok(Self { root: (pfn, mfn), window: Window::of_builder(KERNEL_MAP, pages) });
            }
            end += BUILDER_ALIGNMENT;
        }
        Err(Error::BuilderEnd { found: end, least })
    }

    /// Returns the window that the builder's mapping is.
    #[must_use]
    pub const fn window(&self) -> &Window {
        &self.window
    }

    /// Returns the root's machine frame.
    #[must_use]
    pub const fn root(&self) -> Mfn {
        self.root.1
    }

    pub(crate) const fn view(&self, direct: Window) -> View {
        View::new(self.root, direct, Some(self.window))
    }
}

impl View {
    /// Tells whether a page is mapped at `address`.
    fn maps<M: Memory + MachineToPhys>(&self, machine: &M, address: x86_64::VirtAddr) -> Result<bool, Error> {
        match self.leaf(machine, address) {
            Ok((_, entry)) => Ok(entry.is_present()),
            Err(Error::NotMapped { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
