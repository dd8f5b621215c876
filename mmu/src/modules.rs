//! The module window: reserve addresses, map pages there, protected.
//!
//! *What this is*: addresses from `MODULES` to the fixmap, given out in ascending order. A module's pages are filled
//! through the direct map, then text and constants are sealed there, and only then mapped in the window.
//!
//! *What must hold*: no page is writable and executable, in the window by [`Access`], and through two mappings because a
//! page that is mapped executable is read-only in the direct map from then on.
//!
//! *What is not prevented*: leaving a gap. Unloading and reuse are not here yet.

use p2m::{Frame, Translate};
use start_info::{PAGE_SIZE, PageCount};
use x86_64::VirtAddr;

use crate::{
    batch::Batch,
    direct_map::DirectMap,
    entry::Access,
    error::{Doing, Error},
    hv::Machine,
    layout::{Region, Settled},
    leaf::{Leaf, seal},
    level::{L1, L2, Level},
    table::{Draft, Table},
};

/// The module window, and how far it is given out.
#[derive(Debug)]
pub struct ModuleWindow {
    window: Region,
    next: VirtAddr,
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

impl ModuleWindow {
    /// Opens the window of a settled layout; `occupied` is what the builder left in its way.
    #[must_use]
    pub const fn new(layout: &Settled, occupied: Option<Region>) -> Self {
        let window = layout.module_window();
        Self { window, next: window.start(), occupied }
    }

    /// Returns the window.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.window
    }

    /// Returns the first address that is not given out.
    #[must_use]
    pub const fn end(&self) -> VirtAddr {
        self.next
    }

    /// Reserves addresses for a module of so many pages that must start on a multiple of `alignment` bytes, a power of two.
    ///
    /// # Errors
    /// [`Error::WindowFull`] with what is left, [`Error::Overlap`] when the builder's list is in the way.
    pub fn reserve(&mut self, pages: PageCount, alignment: u64) -> Result<Reservation, Error> {
        let skip = self.next.as_u64().wrapping_neg() % alignment.max(PAGE_SIZE);
        let left = (self.window.last() - self.next.as_u64() + 1).saturating_sub(skip);
        let left = PageCount::of_bytes(left).unwrap_or_default();
        if pages > left || left == PageCount::ZERO {
            return Err(Error::WindowFull { wanted: pages, left, window: self.window });
        }
        let region = Region::new("module", self.next + skip, pages);
        if let Some(holder) = self.occupied.filter(|occupied| occupied.overlaps(&region)) {
            return Err(Error::Overlap { wanted: region, holder });
        }
        self.next = VirtAddr::new_truncate(region.last() + 1);
        Ok(Reservation { region })
    }

    /// Maps the parts of a module one after the other from the start of its addresses.
    ///
    /// # Errors
    /// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses.
    pub fn map<M: Machine, I: IntoIterator<Item = Frame>>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        reservation: &Reservation,
        parts: impl IntoIterator<Item = ModulePart<I>>,
    ) -> Result<(), Error> {
        // One batch, so that a page's writable mapping is gone before its executable one is there.
        let mut batch = Batch::new(Doing::Module);
        let mut address = reservation.region.start();
        for part in parts {
            for frame in part.frames {
                let mut l1 = match map.view().l1(machine, address)? {
                    Some(l1) => l1,
                    None => open_table(machine, map, p2m, address)?,
                };
                let entry = match part.access {
                    Access::ReadWrite => Leaf::writable(&mut frame.into_data()).entry(),
                    Access::Read => Leaf::read_only(&seal(machine, &mut batch, map.view(), frame)?).entry(),
                    Access::Execute => {
                        Leaf::executable(&seal(machine, &mut batch, map.view(), frame)?).entry()
                    }
                };
                l1.update(machine, &mut batch, L1::index(address), entry)?;
                address += PAGE_SIZE;
            }
        }
        // The stale translations are the writable ones of the pages just sealed.
        batch.commit(machine)?.flush(machine)?;
        Ok(())
    }
}

/// Hooks an empty L1 table that covers `address`.
fn open_table<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    p2m: &impl Translate,
    address: VirtAddr,
) -> Result<Table<L1, crate::table::Live>, Error> {
    let frame = map.take(machine, p2m)?;
    let mut batch = Batch::new(Doing::Module);
    let l1 = Table::<L1, Draft>::empty(frame, machine).freeze(machine, &mut batch, map.view())?;
    let mut l2 =
        map.view().l2(machine, address)?.ok_or(Error::NotMapped { address: address.as_u64(), level: 2 })?;
    let l1 = l2.attach(machine, &mut batch, L2::index(address), l1)?;
    batch.commit(machine)?.waive("the entry was empty, and a frozen table is not written again");
    Ok(l1)
}
