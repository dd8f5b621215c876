//! A window: reserve addresses, map pages there, protected, and take them back.
//!
//! *What this is*: a range of addresses that is used twice: for modules, up to the fixmap, and for the payload's own
//! pages (`payload_map.rs`). Each mapping gets the first gap that holds it. A module's pages are filled through the
//! direct map. Then text and constants are sealed there, and only then mapped in the window. Removal runs the same steps
//! backwards; `mapping.rs` has both.
//!
//! *What must hold*: no page is both writable and executable. In one mapping [`Access`](crate::Access) forbids it. Across two
//! mappings: before a page is mapped executable it becomes read-only in the direct map, and it stays so until the
//! executable mapping is removed and flushed. What Xen refuses to take away is kept, with its addresses, and tried
//! again by [`Window::undo_pending`]; until then no frame of it is handed out. The number of hypercalls does not depend
//! on the number of pages, if the heap has room for a list of them.
//!
//! *What is not prevented*: dropping a [`Reservation`] or a [`MappedModule`]. The window keeps the addresses, and the
//! pages where they are, for good.

use alloc::vec::Vec;

use p2m::{Frame, Translate};
use start_info::{ENTRIES, PAGE_SIZE, PageCount, Pfn};
use x86_64::VirtAddr;

use crate::{
    direct_map::DirectMap,
    error::{MmuError, Operation, WindowOf},
    hv::Machine,
    layout::{plan::Layout, region::Region},
    paging::level::{Arithmetic, L2},
    window::{
        mapping::WindowMapping,
        module::{MappedModule, ModulePart},
    },
};

/// A window, and which parts of it are in use.
#[derive(Debug)]
pub struct Window {
    of: WindowOf,
    window: Region,
    /// The parts in use, lowest address first.
    places: Vec<WindowMapping>,
    /// What the builder left in the window, such as its list if it was not revectored.
    builder_list: Option<Region>,
}

/// Addresses for one mapping.
#[derive(Debug)]
#[must_use = "the addresses stay reserved until they are cancelled, or mapped and unmapped"]
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

impl Window {
    /// Opens the module window of a settled layout; `builder_list` is what the builder left in it.
    #[must_use]
    pub const fn new(layout: &Layout, builder_list: Option<Region>) -> Self {
        Self { of: WindowOf::Modules, window: layout.module_window(), places: Vec::new(), builder_list }
    }

    /// Opens the payload's window of a settled layout.
    pub(crate) fn of_payload(layout: &Layout) -> Self {
        Self {
            of: WindowOf::Payload,
            window: layout.bases().payload_region(),
            places: Vec::new(),
            builder_list: None,
        }
    }

    /// Returns the window.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.window
    }

    /// Returns the first address after all parts in use.
    #[must_use]
    pub fn end(&self) -> VirtAddr {
        let last = self.places.last().map(WindowMapping::region);
        last.map_or(self.window.start(), |last| VirtAddr::new_truncate(last.last() + 1))
    }

    /// Returns the parts in use, lowest address first.
    pub fn taken(&self) -> impl DoubleEndedIterator<Item = Region> {
        self.places.iter().map(WindowMapping::region)
    }

    /// Returns the addresses of what Xen has refused to take away.
    pub fn leaving(&self) -> impl Iterator<Item = Region> {
        self.places.iter().filter(|place| place.is_leaving()).map(WindowMapping::region)
    }

    /// Returns the pages of what Xen has refused to take away.
    pub fn pending_pages(&self) -> impl Iterator<Item = Pfn> {
        self.places.iter().filter(|place| place.is_leaving()).flat_map(WindowMapping::held)
    }

    /// Reserves addresses for a module of `pages` pages that starts on a multiple of `alignment` bytes, a power of two.
    ///
    /// # Errors
    /// [`MmuError::WindowFull`] with what is left, [`MmuError::Overlap`] when the builder's list is in the way,
    /// [`MmuError::HeapFull`] when the heap has no room for its lists. After this the module needs no more heap here.
    pub fn reserve(&mut self, pages: PageCount, alignment: u64) -> Result<Reservation, MmuError> {
        let alignment = alignment.max(PAGE_SIZE);
        let mut largest = 0;
        let mut free = 0;
        let mut start = self.window.start().as_u64();
        for rank in 0..=self.places.len() {
            let next = self.places.get(rank).map(WindowMapping::region);
            let end = next.map_or(self.window.last() + 1, |region| region.start().as_u64());
            let aligned = start.next_multiple_of(alignment);
            let room = end.saturating_sub(aligned);
            if pages != PageCount::ZERO && pages.bytes() <= room {
                let start = VirtAddr::new_truncate(aligned);
                return self.give(rank, Region::new(self.of.region_name(), start, pages));
            }
            free += end.saturating_sub(start);
            largest = room.max(largest);
            start = next.map_or(start, |region| region.last() + 1);
        }
        let in_pages = |bytes: u64| PageCount::clamped(bytes.div_ceil(PAGE_SIZE));
        let (left, largest) = (in_pages(free), in_pages(largest));
        Err(MmuError::WindowFull { of: self.of, wanted: pages, left, largest, window: self.window })
    }

    fn give(&mut self, rank: usize, region: Region) -> Result<Reservation, MmuError> {
        if let Some(holder) = self.builder_list.filter(|builder_list| builder_list.overlaps(&region)) {
            return Err(MmuError::Overlap { wanted: region, holder });
        }
        let doing = self.of.mapping();
        let place = WindowMapping::new(self.of, region)?;
        self.places.try_reserve(1).map_err(|_| MmuError::HeapFull { doing })?;
        self.places.insert(rank, place);
        Ok(Reservation { region })
    }

    /// Gives back addresses at which nothing is mapped, and the tables that only they needed.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses; it is left to [`Window::undo_pending`] then.
    pub fn cancel<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        reservation: Reservation,
    ) -> Result<(), MmuError> {
        self.leave(machine, map, reservation.region)
    }

    /// Makes sure that the addresses have tables, so that [`Window::map`] takes no more frames.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses. What was done
    /// so far is undone with the reservation, by [`Window::cancel`].
    pub fn open<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        reservation: &Reservation,
    ) -> Result<(), MmuError> {
        self.place(reservation.region)?.open(machine, map, p2m)
    }

    /// Maps the parts of a module one after the other from the start of its addresses.
    ///
    /// # Errors
    /// [`MmuError::NoFrames`] when there is no frame for a table, [`MmuError::Refused`] when Xen refuses,
    /// [`MmuError::TooManyPages`] when there are more frames than addresses. Then frames and addresses are given back,
    /// or left to [`Window::undo_pending`] if Xen refuses that too.
    pub fn map<M: Machine, I: IntoIterator<Item = Frame>>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        reservation: Reservation,
        parts: impl IntoIterator<Item = ModulePart<I>>,
    ) -> Result<MappedModule, MmuError> {
        let region = reservation.region;
        let mapped = self
            .add(machine, map, region, parts)
            .and_then(|()| self.open(machine, map, p2m, &reservation))
            .and_then(|()| self.place(region)?.fill(machine, map.view(), Operation::Module));
        match mapped {
            Ok(()) => Ok(MappedModule { start: region.start(), pages: region.pages() }),
            Err(error) => {
                // The caller gets the reason why it cannot be mapped. What cannot be undone now stays here.
                let _later = self.leave(machine, map, region);
                Err(error)
            }
        }
    }

    /// Takes all frames, before anything can fail.
    pub(super) fn add<M: Machine, I: IntoIterator<Item = Frame>>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        region: Region,
        parts: impl IntoIterator<Item = ModulePart<I>>,
    ) -> Result<(), MmuError> {
        let mut place = self.place(region);
        let mut more = 0;
        for part in parts {
            for frame in part.frames {
                let kept = match &mut place {
                    Ok(place) => place.add(frame, part.access, map.view()),
                    Err(_) => Err(frame),
                };
                if let Err(frame) = kept {
                    map.give(machine, frame);
                    more += 1;
                }
            }
        }
        place?;
        if more == 0 {
            Ok(())
        } else {
            Err(MmuError::TooManyPages { more: PageCount::clamped(more), region })
        }
    }

    /// Unmaps all pages after the first `keep`, such as a module's init code, and gives back pages and addresses.
    ///
    /// # Errors
    /// [`MmuError::HeapFull`] when the heap has no room for the lists of the rest; then all stays as it is.
    /// [`MmuError::Refused`] when Xen refuses: the pages no longer belong to the module, and are left to
    /// [`Window::undo_pending`].
    pub fn shrink<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        mapped: &mut MappedModule,
        keep: PageCount,
    ) -> Result<(), MmuError> {
        if keep >= mapped.pages {
            return Ok(());
        }
        let mut region = mapped.region();
        if keep > PageCount::ZERO {
            let no_heap = |_| MmuError::HeapFull { doing: Operation::Unmap };
            self.places.try_reserve(1).map_err(no_heap)?;
            let rank = self.rank(region)?;
            let Some(place) = self.places.get_mut(rank) else { return Ok(()) };
            let tail = place.split_off(keep)?;
            region = tail.region();
            self.places.insert(rank + 1, tail);
        }
        mapped.pages = keep;
        self.leave(machine, map, region)
    }

    /// Unmaps a module and gives back its pages and addresses.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses; it is left to [`Window::undo_pending`] then.
    pub fn unmap<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        mapped: MappedModule,
    ) -> Result<(), MmuError> {
        if mapped.pages == PageCount::ZERO { Ok(()) } else { self.leave(machine, map, mapped.region()) }
    }

    /// Tries again to take away what Xen refused to take away before.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when it refuses again. The rest is given back.
    pub fn undo_pending<M: Machine>(&mut self, machine: &mut M, map: &mut DirectMap) -> Result<(), MmuError> {
        let mut result = Ok(());
        for rank in (0..self.places.len()).rev() {
            if self.places.get(rank).is_some_and(WindowMapping::is_leaving) {
                result = self.finish(machine, map, rank).and(result);
            }
        }
        result
    }

    /// Removes the mapping that has a region.
    pub(super) fn leave<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        region: Region,
    ) -> Result<(), MmuError> {
        let rank = self.rank(region)?;
        if let Some(place) = self.places.get_mut(rank) {
            place.set_leaving();
        }
        self.finish(machine, map, rank)
    }

    /// Removes a mapping that is marked for removal, or leaves it where it is.
    fn finish<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        rank: usize,
    ) -> Result<(), MmuError> {
        if rank >= self.places.len() {
            return Ok(());
        }
        self.take_out(machine, map, rank, |machine, map, frame| map.give(machine, frame))
    }

    /// Removes a mapping and passes its pages to `keep`, the last first; if Xen refuses, the mapping stays where it is.
    pub(super) fn take_out<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        rank: usize,
        keep: impl FnMut(&mut M, &mut DirectMap, Frame),
    ) -> Result<(), MmuError> {
        let mut place = self.places.remove(rank);
        match place.empty(machine, map.view(), |address| self.is_unused(address)) {
            Ok(()) => place.into_frames(machine, map, keep),
            Err(error) => {
                // It was just taken out, so there is room for it.
                self.places.insert(rank, place);
                Err(error)
            }
        }
    }

    pub(super) fn rank(&self, region: Region) -> Result<usize, MmuError> {
        let found = self.places.binary_search_by_key(&region.start(), |place| place.region().start()).ok();
        let found = found.filter(|&rank| self.places.get(rank).is_some_and(|place| place.region() == region));
        found.ok_or(MmuError::NotMapped { address: region.start().as_u64(), level: 1 })
    }

    pub(super) fn place(&mut self, region: Region) -> Result<&mut WindowMapping, MmuError> {
        let rank = self.rank(region)?;
        let absent = MmuError::NotMapped { address: region.start().as_u64(), level: 1 };
        self.places.get_mut(rank).ok_or(absent)
    }

    /// Returns a mapping that the window has.
    pub(super) fn mapping(&self, region: Region) -> Result<&WindowMapping, MmuError> {
        let rank = self.rank(region)?;
        let absent = MmuError::NotMapped { address: region.start().as_u64(), level: 1 };
        self.places.get(rank).ok_or(absent)
    }

    /// Tells whether the L1 table that covers `address` maps nothing for certain.
    fn is_unused(&self, address: VirtAddr) -> bool {
        let start = address.align_down(L2::REACH);
        let chunk = Region::new("chunk", start, PageCount::new(ENTRIES));
        !self.taken().chain(self.builder_list).any(|region| region.overlaps(&chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::{Bases, FIXMAP, KernelMap, MODULES, PAYLOAD_PAGES, plan::LayoutPlan};
    use start_info::{Pfn, PfnRange};
    use std::string::ToString;

    fn window() -> Window {
        let image = PfnRange::try_new(Pfn::new(0x1000), PageCount::new(0x100)).unwrap();
        let layout = LayoutPlan::new(PageCount::new(1 << 14), image, KernelMap::BUILDER, Bases::FIXED)
            .unwrap()
            .settle();
        Window::new(&layout, None)
    }

    fn start(window: &mut Window, pages: u64, alignment: u64) -> u64 {
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
        let rank = window.rank(middle.region()).unwrap();
        window.places.remove(rank);
        assert_eq!(start(&mut window, 5, 0), base + 0x8000);
        assert_eq!(start(&mut window, 4, 0), base + 0x3000);
        assert_eq!(window.taken().count(), 5);
        let tail = window.place(middle.region()).unwrap().split_off(PageCount::new(2)).unwrap();
        assert_eq!((tail.region().start().as_u64(), tail.region().pages().get()), (base + 0x5000, 2));
        assert_eq!(start(&mut window, 2, 0), base + 0x5000);
    }

    #[test]
    fn the_payloads_window_has_its_own_addresses() {
        let image = PfnRange::try_new(Pfn::new(0x1000), PageCount::new(0x100)).unwrap();
        let layout = LayoutPlan::new(PageCount::new(1 << 14), image, KernelMap::BUILDER, Bases::FIXED)
            .unwrap()
            .settle();
        let mut window = Window::of_payload(&layout);
        assert_eq!(start(&mut window, 3, 0), Bases::FIXED.payload().as_u64());
        let error = window.reserve(PageCount::new(PAYLOAD_PAGES.get() - 2), 0).unwrap_err();
        assert_eq!(
            error.to_string(),
            "window full: 134217726 pages wanted, 134217725 left (134217725 in one piece) of payload \
             0xffffcb0000000000..0xffffcb8000000000; unmap pages"
        );
    }

    #[test]
    fn the_window_is_all_of_it_and_says_when_it_is_full() {
        let mut window = window();
        let all = (FIXMAP - MODULES) / 4096;
        assert!(matches!(
            window.reserve(PageCount::new(all + 1), 0),
            Err(MmuError::WindowFull { left, .. }) if left.get() == all
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
