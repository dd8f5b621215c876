//! The module window: reserve addresses, map pages there, protected, and take them back.
//!
//! *What this is*: addresses from `MODULES` to the fixmap; each module gets the first gap that holds it. A module's pages
//! are filled through the direct map, then text and constants are sealed there, and only then mapped in the window. Taking
//! pages back is the same way backwards.
//!
//! *What must hold*: no page is writable and executable, in the window by [`Access`], and through two mappings because a
//! page that is mapped executable is read-only in the direct map from before that until the mapping is gone and flushed.
//! The number of hypercalls does not depend on the number of pages.
//!
//! *What is not prevented*: between the mapping and its flush, one hypercall later, this processor may still hold the writable
//! translation of a page that is executable by then; nothing but this function runs meanwhile. Xen refusing half-way: the
//! error says so, and the pages and addresses of that module are lost. Dropping [`Mapped`] loses its pages too, and leaves
//! them mapped.

use alloc::vec::Vec;

use p2m::{Data, Frame, Sealed, Translate};
use start_info::{PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

use crate::{
    batch::Batch,
    direct_map::DirectMap,
    entry::{Access, Entry},
    error::{Doing, Error},
    hv::Machine,
    layout::{Region, Settled},
    leaf::{Leaf, seal, unseal},
    level::{L1, L2, Level},
    table::{Draft, Live, Table},
};

/// The module window, and what of it is given out.
#[derive(Debug)]
pub struct ModuleWindow {
    window: Region,
    /// What is given out, lowest address first.
    taken: Vec<Region>,
    /// What still stands in the window or might, such as the builder's list before it was revectored.
    occupied: Option<Region>,
}

/// Addresses for one module.
#[derive(Debug)]
pub struct Reservation {
    region: Region,
}

impl Reservation {
    /// Returns the addresses.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }
}

/// Pages of a module that are mapped alike, in ascending order.
#[derive(Debug)]
pub struct ModulePart<I> {
    /// The pages, already filled.
    pub frames: I,
    /// What the module may do with them.
    pub access: Access,
}

/// A page in the window.
#[derive(Debug)]
enum Page {
    Data(Frame<Data>),
    Sealed(Frame<Sealed>),
}

/// The pages of one module, mapped in the window.
#[derive(Debug)]
pub struct Mapped {
    start: VirtAddr,
    pages: Vec<Page>,
}

impl Mapped {
    /// Returns the addresses.
    #[must_use]
    pub fn region(&self) -> Region {
        Region::new("module", self.start, count(self.pages.len()))
    }

    /// Returns how many pages there are.
    #[must_use]
    pub fn pages(&self) -> PageCount {
        count(self.pages.len())
    }
}

impl ModuleWindow {
    /// Opens the window of a settled layout; `occupied` is what the builder left in its way.
    #[must_use]
    pub const fn new(layout: &Settled, occupied: Option<Region>) -> Self {
        Self { window: layout.module_window(), taken: Vec::new(), occupied }
    }

    /// Returns the window.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.window
    }

    /// Returns the first address behind all that is given out.
    #[must_use]
    pub fn end(&self) -> VirtAddr {
        self.taken.last().map_or(self.window.start(), |last| VirtAddr::new_truncate(last.last() + 1))
    }

    /// Returns what is given out, lowest address first.
    #[must_use]
    pub fn taken(&self) -> &[Region] {
        &self.taken
    }

    /// Reserves addresses for a module of so many pages that must start on a multiple of `alignment` bytes, a power of two.
    ///
    /// # Errors
    /// [`Error::WindowFull`] with what is left, [`Error::Overlap`] when the builder's list is in the way,
    /// [`Error::HeapFull`] when the list of what is given out cannot grow.
    pub fn reserve(&mut self, pages: PageCount, alignment: u64) -> Result<Reservation, Error> {
        let alignment = alignment.max(PAGE_SIZE);
        let mut largest = 0;
        let mut free = 0;
        let mut start = self.window.start().as_u64();
        for rank in 0..=self.taken.len() {
            let next = self.taken.get(rank);
            let end = next.map_or(self.window.last() + 1, |region| region.start().as_u64());
            let aligned = start.next_multiple_of(alignment);
            let room = end.saturating_sub(aligned);
            if pages != PageCount::ZERO && pages.bytes() <= room {
                return self.give(rank, Region::new("module", VirtAddr::new_truncate(aligned), pages));
            }
            free += end.saturating_sub(start);
            largest = room.max(largest);
            start = next.map_or(start, |region| region.last() + 1);
        }
        let in_pages = |bytes| PageCount::of_bytes(bytes).unwrap_or_default();
        let (left, largest) = (in_pages(free), in_pages(largest));
        Err(Error::WindowFull { wanted: pages, left, largest, window: self.window })
    }

    fn give(&mut self, rank: usize, region: Region) -> Result<Reservation, Error> {
        if let Some(holder) = self.occupied.filter(|occupied| occupied.overlaps(&region)) {
            return Err(Error::Overlap { wanted: region, holder });
        }
        self.taken.try_reserve(1).map_err(|_| Error::HeapFull { doing: Doing::Module })?;
        self.taken.insert(rank, region);
        Ok(Reservation { region })
    }

    /// Gives addresses back at which nothing is mapped, and the tables that were there for them alone.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses to let go of a table.
    pub fn cancel<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        reservation: Reservation,
    ) -> Result<(), Error> {
        let mut nothing = Mapped { start: reservation.region.start(), pages: Vec::new() };
        self.take_away(machine, map, &mut nothing, reservation.region)
    }

    /// Sees to it that there are tables for the addresses, so that [`ModuleWindow::map`] takes no more frames.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses.
    pub fn open<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        reservation: &Reservation,
    ) -> Result<(), Error> {
        let chunks = || chunks(reservation.region);
        let mut batch = Batch::for_updates(Doing::Module, 2 * chunks().count())?;
        for address in chunks() {
            if map.view().l1(machine, address)?.is_some() {
                continue;
            }
            // What is in the batch is sent even when frames run out: the caller's `cancel` finds those tables.
            let frame = match map.take(machine, p2m) {
                Ok(frame) => frame,
                Err(error) => {
                    batch.commit(machine)?.waive(FILLED);
                    return Err(error);
                }
            };
            let l1 = Table::<L1, Draft>::empty(frame, machine).freeze(machine, &mut batch, map.view())?;
            l2(machine, map, address)?.attach(machine, &mut batch, L2::index(address), l1)?;
        }
        batch.commit(machine)?.waive(FILLED);
        Ok(())
    }

    /// Maps the parts of a module one after the other from the start of its addresses.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses,
    /// [`Error::HeapFull`] when the updates do not fit the heap.
    pub fn map<M: Machine, I: IntoIterator<Item = Frame>>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        reservation: &Reservation,
        parts: impl IntoIterator<Item = ModulePart<I>>,
    ) -> Result<Mapped, Error> {
        self.open(machine, map, p2m, reservation)?;
        let pages = reservation.region.pages().get() as usize;
        let mut mapped = Mapped { start: reservation.region.start(), pages: Vec::new() };
        mapped.pages.try_reserve_exact(pages).map_err(|_| Error::HeapFull { doing: Doing::Module })?;
        // One batch, so that a page's writable mapping is gone before its executable one is there.
        let mut batch = Batch::for_updates(Doing::Module, 2 * pages)?;
        let mut cursor = Cursor::default();
        for part in parts {
            for frame in part.frames {
                let address = mapped.start + mapped.pages.len() as u64 * PAGE_SIZE;
                let (page, entry) = match part.access {
                    Access::ReadWrite => {
                        let mut data = frame.into_data();
                        let entry = Leaf::writable(&mut data).entry();
                        (Page::Data(data), entry)
                    }
                    Access::Read | Access::Execute => {
                        let sealed = seal(machine, &mut batch, map.view(), frame)?;
                        let leaf = match part.access {
                            Access::Execute => Leaf::executable(&sealed),
                            _ => Leaf::read_only(&sealed),
                        };
                        let entry = leaf.entry();
                        (Page::Sealed(sealed), entry)
                    }
                };
                cursor.l1(machine, map, address)?.update(machine, &mut batch, L1::index(address), entry)?;
                mapped.pages.push(page);
            }
        }
        // The stale translations are the writable ones of the pages just sealed.
        batch.commit(machine)?.flush(machine)?;
        Ok(mapped)
    }

    /// Unmaps all pages behind the first `keep`, such as a module's code for its start, and gives back pages and addresses.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses, [`Error::HeapFull`] when the updates do not fit the heap.
    pub fn shrink<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        mapped: &mut Mapped,
        keep: PageCount,
    ) -> Result<(), Error> {
        let gone = PageCount::try_new(mapped.pages().get().saturating_sub(keep.get())).unwrap_or_default();
        if gone == PageCount::ZERO {
            return Ok(());
        }
        let region = Region::new("module", mapped.start + keep.bytes(), gone);
        self.take_away(machine, map, mapped, region)
    }

    /// Unmaps a module and gives back its pages and addresses.
    ///
    /// # Errors
    /// As [`ModuleWindow::shrink`].
    pub fn unmap<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        mut mapped: Mapped,
    ) -> Result<(), Error> {
        self.shrink(machine, map, &mut mapped, PageCount::ZERO)
    }

    /// Takes the last pages of a module out of the window; `region` is where they are.
    fn take_away<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        mapped: &mut Mapped,
        region: Region,
    ) -> Result<(), Error> {
        let kept = ((region.start() - mapped.start) / PAGE_SIZE) as usize;
        let pages = mapped.pages.len().saturating_sub(kept);
        let tables = chunks(region).count();
        let no_heap = |_| Error::HeapFull { doing: Doing::Module };
        let mut frozen = Vec::new();
        frozen.try_reserve_exact(tables).map_err(no_heap)?;

        let mut batch = Batch::for_updates(Doing::Module, pages + tables)?;
        let mut cursor = Cursor::default();
        for address in region.addresses().take(pages) {
            cursor.l1(machine, map, address)?.update(
                machine,
                &mut batch,
                L1::index(address),
                Entry::EMPTY,
            )?;
        }
        self.forget(region);
        for address in chunks(region).filter(|&address| self.is_unused(address)) {
            let Some(l1) = map.view().l1(machine, address)? else { continue };
            frozen.push(l2(machine, map, address)?.detach(machine, &mut batch, L2::index(address), l1)?);
        }
        // Not before no processor can execute the pages any more may they become writable.
        batch.commit(machine)?.flush(machine)?;

        let mut batch = Batch::for_updates(Doing::Module, pages + frozen.len())?;
        for page in mapped.pages.iter().skip(kept) {
            if let Page::Sealed(frame) = page {
                unseal(machine, &mut batch, map.view(), frame)?;
            }
        }
        for table in &frozen {
            table.unseal(machine, &mut batch, map.view())?;
        }
        // A stale read-only translation would fault on the first write.
        batch.commit(machine)?.flush(machine)?;

        // The last page first, so that the next module gets them in ascending order.
        while mapped.pages.len() > kept {
            let frame = match mapped.pages.pop() {
                Some(Page::Data(mut frame)) => {
                    frame.discount_mapping(map.view().authority());
                    frame.into_free().ok()
                }
                Some(Page::Sealed(frame)) => {
                    map.view().direct().thawed(map.view().authority(), frame.pfn(), frame.mfn())
                }
                None => None,
            };
            if let Some(frame) = frame {
                map.give(machine, frame);
            }
        }
        for table in frozen {
            if let Some(frame) = table.thawed(map.view()) {
                map.give(machine, frame);
            }
        }
        Ok(())
    }

    /// Takes note that a region, the end of one that is given out, is free.
    fn forget(&mut self, region: Region) {
        let Some(rank) = self.taken.iter().position(|taken| taken.last() == region.last()) else { return };
        match self.taken.get_mut(rank) {
            Some(taken) if taken.start() < region.start() => {
                let pages = PageCount::of_bytes(region.start() - taken.start()).unwrap_or_default();
                *taken = Region::new("module", taken.start(), pages);
            }
            _ => {
                self.taken.remove(rank);
            }
        }
    }

    /// Tells whether nothing is, or might be, mapped by the L1 table that covers `address`.
    fn is_unused(&self, address: VirtAddr) -> bool {
        let start = address.align_down(L2::REACH);
        let chunk = Region::new("chunk", start, PageCount::of_bytes(L2::REACH).unwrap_or_default());
        !self.taken.iter().chain(&self.occupied).any(|region| region.overlaps(&chunk))
    }
}

const FILLED: &str = "the entry was empty, and a frozen table is not written again";

/// The L1 table used last, so that it is looked up once for its 512 pages.
#[derive(Default)]
struct Cursor {
    table: Option<(VirtAddr, Table<L1, Live>)>,
}

impl Cursor {
    fn l1<M: Machine>(
        &mut self,
        machine: &M,
        map: &DirectMap,
        address: VirtAddr,
    ) -> Result<&mut Table<L1, Live>, Error> {
        let start = address.align_down(L2::REACH);
        if self.table.as_ref().is_none_or(|(at, _)| *at != start) {
            self.table = map.view().l1(machine, address)?.map(|table| (start, table));
        }
        let table = self.table.as_mut().map(|(_, table)| table);
        table.ok_or(Error::NotMapped { address: address.as_u64(), level: 1 })
    }
}

fn l2<M: Machine>(
    machine: &M,
    map: &DirectMap,
    address: VirtAddr,
) -> Result<Table<crate::level::L2, Live>, Error> {
    map.view().l2(machine, address)?.ok_or(Error::NotMapped { address: address.as_u64(), level: 2 })
}

/// Returns one address in each stretch that one L1 table covers.
fn chunks(region: Region) -> impl Iterator<Item = VirtAddr> {
    let first = region.start().as_u64() / L2::REACH;
    (first..=region.last() / L2::REACH).map(move |chunk| {
        let start = chunk * L2::REACH;
        VirtAddr::new_truncate(start.max(region.start().as_u64()))
    })
}

fn count(pages: usize) -> PageCount {
    PageCount::try_new(pages as u64).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{FIXMAP, LayoutPlan, MODULES};
    use start_info::{Pfn, PfnRange};
    use std::string::ToString;

    fn window() -> ModuleWindow {
        let image = PfnRange::try_new(Pfn::new(0x1000), PageCount::new(0x100)).unwrap();
        let layout = LayoutPlan::new(PageCount::new(1 << 14), image).unwrap().settle();
        ModuleWindow::new(&layout, None)
    }

    fn start(window: &mut ModuleWindow, pages: u64, alignment: u64) -> u64 {
        window.reserve(PageCount::new(pages), alignment).unwrap().region().start().as_u64()
    }

    #[test]
    fn the_first_gap_that_holds_a_module_is_given() {
        let mut window = window();
        let base = MODULES.as_u64();
        assert_eq!(start(&mut window, 3, 0), base);
        let middle = window.reserve(PageCount::new(4), 4096).unwrap();
        assert_eq!(start(&mut window, 1, 0x20_0000), base + 0x20_0000);
        assert_eq!(start(&mut window, 1, 0), base + 0x7000);
        window.forget(middle.region());
        assert_eq!(start(&mut window, 5, 0), base + 0x8000);
        assert_eq!(start(&mut window, 4, 0), base + 0x3000);
        assert_eq!(window.taken().len(), 5);
        let tail = Region::new("module", VirtAddr::new(base + 0x5000), PageCount::new(2));
        window.forget(tail);
        assert_eq!(start(&mut window, 2, 0), base + 0x5000);
    }

    #[test]
    fn the_window_is_all_of_it_and_says_when_it_is_full() {
        let mut window = window();
        let all = (FIXMAP - MODULES) / 4096;
        assert!(matches!(
            window.reserve(PageCount::new(all + 1), 0),
            Err(Error::WindowFull { left, .. }) if left.get() == all
        ));
        assert_eq!(start(&mut window, all - 2, 0), MODULES.as_u64());
        assert_eq!(start(&mut window, 1, 0), FIXMAP.as_u64() - 0x2000);
        let error = window.reserve(PageCount::new(2), 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "window full: 2 pages wanted, 1 left (1 in one piece) of module window \
             0xffffffffa0000000..0xffffffffff000000; unload a module"
        );
        assert_eq!(start(&mut window, 1, 0), FIXMAP.as_u64() - 0x1000);
        assert_eq!(window.end(), FIXMAP);
        assert!(window.reserve(PageCount::ZERO, 0).is_err());
    }
}
