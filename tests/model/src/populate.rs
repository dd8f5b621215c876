//! Taking frames for pages.
//!
//! *What this is*: `XENMEM_populate_physmap` (common/memory.c, `populate_physmap`).
//!
//! *What must hold*: the frames were free, and the M2P has their pages when the call returns. The guest must update its
//! P2M and mappings. Xen does not ask whether the page has a frame already.

use start_info::{Mfn, Pfn};

use crate::errno::E2BIG;
use crate::guest::Domain;
use crate::machine::ModelMachine;
use crate::trace::MemoryCommand;

impl ModelMachine {
    /// Takes a frame for each page and returns those given, the first pages' first. Their contents are undefined.
    #[must_use = "Xen may stop anywhere"]
    pub fn populate(&mut self, pages: &[Pfn]) -> Vec<Mfn> {
        let mut extents: Vec<_> = pages.iter().map(|pfn| pfn.get()).collect();
        let done = self.populate_extents(&mut extents, 0);
        extents[..done].iter().filter_map(|&mfn| Mfn::try_new(mfn).ok()).collect()
    }

    /// Takes 2^`order` contiguous frames for each extent of pages. The number of the first frame replaces the page's.
    /// Returns how many extents are done.
    #[must_use = "Xen may stop anywhere"]
    pub fn populate_extents(&mut self, extents: &mut [u64], order: u32) -> usize {
        let (command, count) = (MemoryCommand::PopulatePhysmap, extents.len());
        self.change_reservation(command, count, order, |machine, i| {
            let first = machine.allocate(order)?;
            // "Over-allocation" (common/page_alloc.c, assign_pages).
            if machine.heap.held + (1 << order) > machine.heap.most {
                machine.unallocate(first, order);
                return Err(E2BIG);
            }
            extents[i] = machine.assign_extent(first, extents[i], order);
            Ok(())
        })
    }

    /// Returns the largest order an extent may have (common/memory.c, `max_order`; asm/config.h, `CONFIG_*_MAX_ORDER`).
    pub(crate) const fn largest_order(&self) -> u32 {
        match self.domain {
            Domain::Guest => 9,
            Domain::Dom0 => 18,
        }
    }
}
