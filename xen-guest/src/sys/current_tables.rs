//! The page tables in use, read for a report of what is at an address.
//!
//! *What this is*: the root that Xen has for this processor, and each table where it is mapped: in the direct map, or
//! before that is there in the builder's mapping.
//!
//! *What must hold*: no load here ends the domain, whatever the tables are like in the middle of a boot: each one may
//! fault ([`load_or_none`]). A mapping is used only if by the tables read through it the root's page leads to the root.

use core::sync::atomic::{AtomicBool, Ordering};

use mmu::layout::KERNEL_MAP;
use start_info::PAGE_SIZE;
use x86_64::{VirtAddr, registers::control::Cr3};

use crate::sys::{
    abi::{M2P, M2P_ENTRIES},
    starts::Starts,
    walk::{Mapping, TableReader},
    word_or_none::load_or_none,
};

/// Set while somebody looks: a report that fails while it looks does not look again.
static SEEKING: AtomicBool = AtomicBool::new(false);

/// The page tables in use.
pub(super) struct CurrentTables {
    root: u64,
    /// What is added to a page's number times its size; 0 if no table can be read.
    base: u64,
}

impl CurrentTables {
    /// Finds out where the tables can be read.
    pub(super) fn find() -> Self {
        if SEEKING.swap(true, Ordering::Relaxed) {
            return Self { root: 0, base: 0 };
        }
        let root = Cr3::read_raw().0.start_address().as_u64() / PAGE_SIZE;
        let bases = [Starts::noted().direct_map, KERNEL_MAP.as_u64()];
        let tables = bases.map(|base| Self { root, base }).into_iter().find(Self::is_right);
        SEEKING.store(false, Ordering::Relaxed);
        tables.unwrap_or(Self { root, base: 0 })
    }

    fn is_right(&self) -> bool {
        let address = self.page(self.root);
        address.is_some_and(|address| {
            Mapping { tables: self, address: address.as_u64() }.frame() == Some(self.root)
        })
    }

    /// Returns where the L1 table of an address is mapped.
    #[cfg(feature = "fault-injection")]
    pub(super) fn table_of(&self, address: VirtAddr) -> Option<VirtAddr> {
        let way = [39, 30, 21].map(|shift| address.as_u64() >> shift & 511);
        let frame = way.into_iter().try_fold(self.root, |table, index| {
            Some((self.entry(table, index)? & 0x000f_ffff_ffff_f000) / PAGE_SIZE)
        });
        self.page(frame?)
    }

    /// Returns where the page in a machine frame would be mapped.
    fn page(&self, frame: u64) -> Option<VirtAddr> {
        let offset = self.pfn(frame)?.checked_mul(PAGE_SIZE)?;
        VirtAddr::try_new(self.base.checked_add(offset)?).ok()
    }
}

impl TableReader for CurrentTables {
    fn root(&self) -> u64 {
        self.root
    }

    fn entry(&self, table: u64, index: u64) -> Option<u64> {
        let page = self.page(table).filter(|_| self.base != 0)?;
        load_or_none(page + index * 8)
    }

    fn pfn(&self, frame: u64) -> Option<u64> {
        // What the M2P has for a frame that has no page is no page's number.
        let pfn = (frame < M2P_ENTRIES).then(|| load_or_none(M2P + frame * 8)).flatten();
        pfn.filter(|pfn| *pfn < M2P_ENTRIES)
    }
}
