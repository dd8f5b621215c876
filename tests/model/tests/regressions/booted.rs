//! A booted guest, and what most tests check.

use std::ops::{Deref, DerefMut};

use kit::module::{TEXT_BYTE, small_module};
use mmu::layout::{FIXMAP, KERNEL_MAP, MODULES};
use start_info::Pfn;
use xen_model::{GuestConfig, Leaf, audit, toolstack};

pub(crate) struct Booted {
    pub(crate) guest: GuestConfig,
    pub(crate) booted: xen_model::Booted,
}

impl Deref for Booted {
    type Target = xen_model::Booted;

    fn deref(&self) -> &xen_model::Booted {
        &self.booted
    }
}

impl DerefMut for Booted {
    fn deref_mut(&mut self) -> &mut xen_model::Booted {
        &mut self.booted
    }
}

pub(crate) fn booted(guest: GuestConfig) -> Booted {
    match guest.build().unwrap().boot() {
        Ok(booted) => Booted { guest, booted },
        Err((_, failure)) => panic!("{failure}"),
    }
}

impl Booted {
    pub(crate) fn audit(&self) {
        audit::references(self.machine()).assert_none();
        audit::protection(self.machine(), 0..0).assert_none();
        toolstack::check(self.machine()).unwrap();
    }

    /// Asks the P2M and Xen about every page.
    pub(crate) fn every_page_round_trips(&self) {
        for pfn in 0..self.guest.pages {
            let entry = self.running.entry(Pfn::new(pfn));
            assert_eq!(entry.ram(), self.machine().built_mfn(pfn), "{pfn:#x} of {:#x}", self.guest.pages);
        }
        let counted = self.running.audit().unwrap();
        assert_eq!(counted.ram + counted.missing, self.guest.pages);
    }

    /// Returns what is mapped from one page of the kernel's 2 GiB to another.
    pub(crate) fn mapped(&self, pages: std::ops::Range<u64>) -> Vec<Leaf> {
        pages.filter_map(|page| self.machine().live_leaf(KERNEL_MAP.as_u64() + page * 4096).ok()).collect()
    }

    /// The module window is empty, and a module loads there.
    pub(crate) fn a_module_loads(&mut self) {
        let page = |address: u64| (address - KERNEL_MAP.as_u64()) / 4096;
        assert_eq!(self.mapped(page(MODULES.as_u64())..page(FIXMAP.as_u64())), [], "left in the window");
        let region = self.running.load_bytes("small", &small_module()).unwrap().region();
        assert_eq!(region.start(), MODULES);
        let leaf = self.machine().live_leaf(region.start().as_u64()).unwrap();
        assert!(leaf.executable && !leaf.writable);
        assert_eq!(self.machine().read(leaf.address), Ok(u64::from_le_bytes([TEXT_BYTE; 8])));
    }
}
