//! One mapping in a window: its addresses, its pages, and how they are protected and removed.
//!
//! *What this is*: everything one module, or one mapping of the payload, has in a window. The window owns it from the
//! reservation until everything is given back, so what Xen refuses to unmap stays here and is tried again. Mapping and
//! removing are the same steps in opposite order: seal, then map; unmap and flush, then make writable and flush.
//!
//! *What must hold*: a page is made writable only after no mapping of it can be executed, and that was flushed; a table
//! only after it was unhooked. What must be changed is read from the live tables each time, so [`WindowMapping::empty`]
//! and [`WindowMapping::protect`] may stop anywhere and be called again. All heap memory is taken with the addresses:
//! protecting and removing take none.
//!
//! *What is not prevented*: between a change and its flush, one hypercall later, this processor may still hold the
//! writable translation of a page that is already executable. Only this file's functions run in that time.

use alloc::vec::Vec;

use p2m::{Data, Frame, Memory, Translate};
use start_info::{PageCount, Pfn};
use x86_64::VirtAddr;

use crate::{
    direct_map::{DirectMap, growing_frames::GrowingFrames},
    error::{MmuError, Operation, WindowOf},
    hv::Machine,
    layout::region::Region,
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        flush::flush,
        freeze::{make_writable, reclaim},
        level::{Arithmetic, L1, L2, L3},
        table::{Live, Table},
    },
    space::{
        address_space_builder::AddressSpaceBuilder,
        live_tables::LiveTables,
        table_source::{Note, Noted},
    },
    window::page::WindowPage,
};

/// Addresses of a window, and what is or was mapped there.
#[derive(Debug)]
pub(crate) struct WindowMapping {
    of: WindowOf,
    region: Region,
    /// The pages, the first at the start of the region.
    pages: Vec<WindowPage>,
    /// Tables taken for these addresses that are not hooked under a live table, or might not be.
    tables: Vec<Pfn>,
    /// The pages are being removed.
    leaving: bool,
}

impl WindowMapping {
    /// Makes a mapping without pages.
    ///
    /// # Errors
    /// [`MmuError::HeapFull`] when the heap has no room for its lists.
    pub(crate) fn new(of: WindowOf, region: Region) -> Result<Self, MmuError> {
        let mut place = Self { of, region, pages: Vec::new(), tables: Vec::new(), leaving: false };
        // For each L1 table: one that was taken and not hooked, and one that was found there.
        let tables = 2 * chunks(region).count();
        place
            .pages
            .try_reserve_exact(region.pages().get() as usize)
            .and_then(|()| place.tables.try_reserve_exact(tables))
            .map_err(|_| MmuError::HeapFull { doing: of.mapping() })?;
        Ok(place)
    }

    pub(crate) const fn region(&self) -> Region {
        self.region
    }

    pub(crate) const fn is_leaving(&self) -> bool {
        self.leaving
    }

    /// Marks the pages for removal.
    pub(crate) const fn set_leaving(&mut self) {
        self.leaving = true;
    }

    /// Returns the guest's pages that it holds, unhooked tables included.
    pub(crate) fn held(&self) -> impl Iterator<Item = Pfn> {
        self.pages.iter().map(WindowPage::pfn).chain(self.tables.iter().copied())
    }

    /// Adds a page after the last one.
    ///
    /// # Errors
    /// Gives the frame back if no address is left for it.
    pub(crate) fn add(&mut self, frame: Frame, access: Access, view: &LiveTables) -> Result<(), Frame> {
        if self.pages.len() as u64 >= self.region.pages().get() {
            return Err(frame);
        }
        self.pages.push(WindowPage::of(frame, access, view));
        Ok(())
    }

    /// Cuts off the pages after the first `keep`, as a mapping of their own. Without effect if the heap has no room for
    /// it.
    ///
    /// # Errors
    /// As [`WindowMapping::new`].
    pub(crate) fn split_off(&mut self, keep: PageCount) -> Result<Self, MmuError> {
        let gone = self.region.pages().less(keep);
        let name = self.region.name();
        let mut tail = Self::new(self.of, Region::new(name, self.region.start() + keep.bytes(), gone))?;
        let kept = (keep.get() as usize).min(self.pages.len());
        tail.pages.extend(self.pages.drain(kept..));
        self.region = Region::new(name, self.region.start(), keep);
        Ok(tail)
    }

    /// Makes sure that the addresses have L1 tables.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when no frame is free, [`MmuError::Refused`] when Xen refuses. The tables taken so far
    /// stay noted.
    pub(crate) fn open<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
    ) -> Result<(), MmuError> {
        // The module window has its upper tables since the boot. Those of the payload stay once they are made.
        for piece in self.region.pieces(L3::REACH) {
            if map.view().l2(machine, piece.start())?.is_none() {
                map.open_l1(machine, p2m, piece.start(), self.of.mapping())?;
            }
        }
        let batch = Batch::for_updates(self.of.mapping(), 2 * chunks(self.region).count());
        let mut space_builder = AddressSpaceBuilder::live(batch);
        let source = GrowingFrames { map: &mut *map, p2m };
        let mut source = Noted { source, note: AsReserved(&mut self.tables), doing: self.of.mapping() };
        for address in chunks(self.region) {
            space_builder.open(machine, &mut source, address)?;
        }
        let hooked = space_builder.finish(machine, map.view())?;
        hooked.waive("the entry was empty, and a frozen table is not written again");
        self.forget_hooked(machine, map.view())
    }

    /// Seals the pages that need it, and maps all of them.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    pub(crate) fn fill<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        doing: Operation,
    ) -> Result<(), MmuError> {
        // One batch, so that a page's writable mapping is removed before its executable one is made.
        let mut batch = Batch::for_updates(doing, 2 * self.pages.len());
        let mut cursor = Cursor::default();
        for (page, address) in self.pages.iter_mut().zip(self.region.addresses()) {
            let entry = page.enter(machine, &mut batch, view)?;
            cursor.l1(machine, view, address)?.update(machine, &mut batch, L1::index(address), entry)?;
        }
        // The stale translations are the writable ones of the pages just sealed.
        batch.commit(machine)?.flush(machine)
    }

    /// Changes what may be done with the pages.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses. Then each page may have its old protection, the new one, or be
    /// read-only; it can be called again.
    pub(crate) fn protect<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        access: Access,
    ) -> Result<(), MmuError> {
        let protected = match access {
            Access::Read | Access::Execute => {
                replace_each(&mut self.pages, |page| page.into_sealed(access, view));
                self.are_all(WindowPage::is_sealed)?;
                self.fill(machine, view, Operation::Protect)
            }
            Access::ReadWrite => self.make_writable(machine, view),
        };
        if protected.is_err() {
            // What was done before the refusal must not stay hidden by old translations. The caller gets the reason
            // for the refusal, not this result.
            let _refused_too = flush(machine);
        }
        protected
    }

    fn make_writable<M: Machine>(&mut self, machine: &mut M, view: &LiveTables) -> Result<(), MmuError> {
        let mut batch = Batch::for_updates(Operation::Protect, self.pages.len());
        let mut cursor = Cursor::default();
        for address in self.region.addresses().take(self.pages.len()) {
            let l1 = cursor.l1(machine, view, address)?;
            let entry = view.read(machine, l1, L1::index(address))?;
            if entry.is_executable() {
                l1.update(machine, &mut batch, L1::index(address), entry.read_only())?;
            }
        }
        // No processor may execute a page that is about to become writable.
        batch.commit(machine)?.flush(machine)?;

        let mut batch = Batch::for_updates(Operation::Protect, self.pages.len());
        for page in &self.pages {
            make_writable(machine, &mut batch, view, page.pfn())?;
        }
        // Where the direct map was read-only, a stale translation would fault.
        batch.commit(machine)?.flush(machine)?;
        replace_each(&mut self.pages, |page| page.into_data(machine, view));
        self.are_all(|page| !page.is_sealed())?;
        self.fill(machine, view, Operation::Protect)
    }

    fn are_all(&self, test: impl Fn(&WindowPage) -> bool) -> Result<(), MmuError> {
        match self.pages.iter().find(|page| !test(page)) {
            Some(page) => Err(MmuError::NoMemory { pfn: page.pfn() }),
            None => Ok(()),
        }
    }

    /// Returns a page that may be written.
    pub(crate) fn data(&mut self, page: usize) -> Option<&mut Frame<Data>> {
        match self.pages.get_mut(page) {
            Some(WindowPage::Data(frame)) => Some(frame),
            _ => None,
        }
    }

    /// Unmaps whatever is mapped at the addresses, and makes the pages writable again. `is_unused` tells whether no
    /// other module needs the L1 table of an address.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses. Then it can be called again, and must be before the pages can be given
    /// back.
    pub(crate) fn empty<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        is_unused: impl Fn(VirtAddr) -> bool,
    ) -> Result<(), MmuError> {
        self.forget_hooked(machine, view)?;
        let most = self.pages.len() + chunks(self.region).count();
        let mut batch = Batch::for_updates(self.of.unmapping(), most);
        let mut cursor = Cursor::default();
        for address in self.region.addresses().take(self.pages.len()) {
            let Some(l1) = cursor.find(machine, view, address)? else { continue };
            if view.read(machine, l1, L1::index(address))?.is_present() {
                l1.update(machine, &mut batch, L1::index(address), Entry::EMPTY)?;
            }
        }
        for address in chunks(self.region).filter(|&address| is_unused(address)) {
            // A table that cannot be noted stays, for the next module there.
            if self.tables.len() < self.tables.capacity()
                && let Some(l1) = view.l1(machine, address)?
            {
                let mut l2 = l2(machine, view, address)?;
                self.tables.push(l1.pfn());
                l2.detach(machine, &mut batch, L2::index(address), l1)?;
            }
        }
        // The pages may become writable only when no processor can execute them any more.
        batch.commit(machine)?.flush(machine)?;

        let mut batch = Batch::for_updates(self.of.unmapping(), most);
        for pfn in self.held() {
            make_writable(machine, &mut batch, view, pfn)?;
        }
        // A stale read-only translation would fault on the first write.
        batch.commit(machine)?.flush(machine)
    }

    /// Passes the pages to `keep` and gives back the tables, after [`WindowMapping::empty`]. The last goes first, so
    /// that the next module gets the same frames in the same order.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] for a page that the direct map does not map for writing; the others are given back.
    pub(crate) fn into_frames<M: Machine>(
        self,
        machine: &mut M,
        map: &mut DirectMap,
        mut keep: impl FnMut(&mut M, &mut DirectMap, Frame),
    ) -> Result<(), MmuError> {
        let mut result = Ok(());
        for page in self.pages.into_iter().rev() {
            let free = page.into_free(machine, map.view());
            result = result.and(free.map(|frame| keep(machine, map, frame)));
        }
        for table in self.tables.into_iter().rev() {
            let free = reclaim(machine, map.view(), table);
            result = result.and(free.map(|frame| map.give(machine, frame)));
        }
        result
    }

    /// Removes the tables that a live one leads to from the note: those are found by walking.
    fn forget_hooked<M: Machine>(&mut self, machine: &M, view: &LiveTables) -> Result<(), MmuError> {
        if self.tables.is_empty() {
            return Ok(());
        }
        for address in chunks(self.region) {
            if let Some(l1) = view.l1(machine, address)? {
                self.tables.retain(|&table| table != l1.pfn());
            }
        }
        Ok(())
    }
}

/// Replaces each page by another, without memory.
fn replace_each(pages: &mut Vec<WindowPage>, mut replace: impl FnMut(WindowPage) -> WindowPage) {
    for rank in 0..pages.len() {
        // The last page stands in for this one in the meantime, and there is room for one more: the one taken out.
        let page = pages.swap_remove(rank);
        pages.push(replace(page));
        let last = pages.len() - 1;
        pages.swap(rank, last);
    }
}

/// A list with room for what was reserved. It takes no more of the heap.
struct AsReserved<'p>(&'p mut Vec<Pfn>);

impl Note for AsReserved<'_> {
    fn note(&mut self, _memory: &mut impl Memory, pfn: Pfn) -> bool {
        let has_room = self.0.len() < self.0.capacity();
        if has_room {
            self.0.push(pfn);
        }
        has_room
    }
}

/// The L1 table used last, so that it is looked up only once for its 512 pages.
#[derive(Default)]
struct Cursor {
    table: Option<(VirtAddr, Option<Table<L1, Live>>)>,
}

impl Cursor {
    /// Returns the L1 table for an address, if there is one.
    fn find<M: Machine>(
        &mut self,
        machine: &M,
        view: &LiveTables,
        address: VirtAddr,
    ) -> Result<Option<&mut Table<L1, Live>>, MmuError> {
        let start = address.align_down(L2::REACH);
        if self.table.as_ref().is_none_or(|(at, _)| *at != start) {
            self.table = Some((start, view.l1(machine, address)?));
        }
        Ok(self.table.as_mut().and_then(|(_, table)| table.as_mut()))
    }

    fn l1<M: Machine>(
        &mut self,
        machine: &M,
        view: &LiveTables,
        address: VirtAddr,
    ) -> Result<&mut Table<L1, Live>, MmuError> {
        self.find(machine, view, address)?.ok_or(MmuError::NotMapped { address: address.as_u64(), level: 1 })
    }
}

fn l2<M: Machine>(machine: &M, view: &LiveTables, address: VirtAddr) -> Result<Table<L2, Live>, MmuError> {
    view.l2(machine, address)?.ok_or(MmuError::NotMapped { address: address.as_u64(), level: 2 })
}

/// Returns one address in each piece of a region that one L1 table covers.
fn chunks(region: Region) -> impl Iterator<Item = VirtAddr> {
    region.pieces(L2::REACH).map(|piece| piece.start())
}
