//! Device memory and firmware's tables, mapped where the kernel can reach them.
//!
//! *What this is*: two ways to map machine frames that are not the guest's memory: in a region of their own, or at
//! their machine address (1:1), in the lower half. Tables are made as needed; a new top-level entry appears in every
//! address space.
//!
//! *What must hold*: the frames are not the guest's own memory, by the P2M and the M2P: that memory is mapped at
//! `__va`, and a second writable alias would keep it from ever becoming a table. Nothing mapped here is executable.
//! What is mapped 1:1 has an identity entry in the P2M. An address is in one mapping at most, and outside all of them
//! every entry is empty: what Xen refuses to unmap stays noted here.
//!
//! *What is not prevented*: mapping what the domain has no right to, which Xen refuses, and choosing the caching, which
//! Xen does.

use alloc::vec::Vec;

use p2m::{MachineToPhys, Memory, P2mEntry, Register, Translate, Width};
use start_info::{Mfn, PAGE_SIZE, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    device::register::DeviceInteger,
    direct_map::{DirectMap, chunk::L1_PAGES},
    error::{MmuError, Operation},
    hv::Machine,
    layout::{plan::Layout, region::Region},
    paging::{
        batch::Batch,
        entry::{Access, Entry},
        level::{Arithmetic, L1, L2},
        table::{Live, Table},
    },
};

/// The mapped device memory, and the region for what is not mapped 1:1.
#[derive(Debug)]
pub struct IoMap {
    region: Region,
    /// What is mapped, lowest address first.
    taken: Vec<Taken>,
}

/// Addresses that are, or might be, mapped.
#[derive(Debug)]
struct Taken {
    region: Region,
    /// Nobody owns them any more; Xen refused to unmap them.
    leaving: bool,
}

/// Machine frames that are mapped. They belong to a device or to Xen, so a resume cannot renew them: unmap them before
/// a suspend.
#[derive(Debug)]
#[must_use = "what is mapped stays mapped until it is given to unmap"]
pub struct IoPages {
    region: Region,
    first: Mfn,
    access: IoAccess,
    /// Some may be unmapped: Xen stopped half-way.
    torn: bool,
}

impl IoPages {
    /// Reads a register, `at` bytes after the start of the first page.
    ///
    /// # Errors
    /// [`MmuError::NoRegister`] when it does not lie in the pages at a multiple of its size, [`MmuError::Torn`] after
    /// an attempt to unmap them stopped half-way.
    pub fn read<T: DeviceInteger>(
        &self,
        map: &DirectMap,
        memory: &impl Memory,
        at: u64,
    ) -> Result<T, MmuError> {
        self.register(map, at, T::WIDTH).map(|register| T::of_word(memory.load_register(register)))
    }

    /// Writes a register, `at` bytes after the start of the first page.
    ///
    /// # Errors
    /// As [`IoPages::read`], and [`MmuError::ReadOnly`] when the pages are mapped for reading.
    pub fn write<T: DeviceInteger>(
        &mut self,
        map: &DirectMap,
        memory: &mut impl Memory,
        at: u64,
        value: T,
    ) -> Result<(), MmuError> {
        let register = self.register(map, at, T::WIDTH)?;
        if self.access != IoAccess::ReadWrite {
            return Err(MmuError::ReadOnly { region: self.region });
        }
        memory.store_register(register, value.into_word());
        Ok(())
    }

    fn register(&self, map: &DirectMap, at: u64, width: Width) -> Result<Register, MmuError> {
        let region = self.region;
        if self.torn {
            return Err(MmuError::Torn { region });
        }
        let page = Some(at / PAGE_SIZE).filter(|page| *page < region.pages().get());
        let register = page.and_then(|page| {
            Register::new(map.view().authority(), region.start() + page * PAGE_SIZE, at % PAGE_SIZE, width)
        });
        register.ok_or(MmuError::NoRegister { at, bytes: width.bytes(), region })
    }

    /// Returns the addresses.
    #[must_use]
    pub const fn region(&self) -> Region {
        self.region
    }

    /// Returns the first machine frame.
    #[must_use]
    pub const fn first(&self) -> Mfn {
        self.first
    }
}

impl IoMap {
    /// Opens the region of a settled layout.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        Self { region: layout.bases().io_map_region(), taken: Vec::new() }
    }

    /// Maps `pages` machine frames from `first` on.
    ///
    /// # Errors
    /// [`MmuError::NoPages`] for 0 pages, [`MmuError::OwnMemory`] for a frame of the guest, [`MmuError::IoFull`] when
    /// no addresses are left, [`MmuError::NoFrames`] when there are too few frames for the tables,
    /// [`MmuError::Refused`] when Xen refuses.
    pub fn map<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        first: Mfn,
        pages: PageCount,
        access: IoAccess,
    ) -> Result<IoPages, MmuError> {
        self.retry(machine, map);
        let region = self.find(pages)?;
        self.map_at(machine, map, p2m, region, first, access)
    }

    /// Maps pages at the address that is their machine address, in the lower half of every address space.
    ///
    /// # Errors
    /// [`MmuError::NoPages`] for 0 pages, [`MmuError::NotIdentity`] for a page whose P2M entry is not identity, and for
    /// page 0, whose address is the null pointer; [`MmuError::Overlap`] for pages that are already mapped this way;
    /// [`MmuError::NoFrames`] and [`MmuError::Refused`] as [`IoMap::map`].
    pub fn map_identity<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        pages: PfnRange,
        access: IoAccess,
    ) -> Result<IoPages, MmuError> {
        /// Pages in the lower half of the address space.
        const LOWER_HALF: u64 = (1 << 47) / PAGE_SIZE;
        self.retry(machine, map);
        if pages.is_empty() {
            return Err(MmuError::NoPages);
        }
        let pfn = pages.start();
        if pfn.get() == 0 || pages.end().get() > LOWER_HALF {
            return Err(MmuError::NotIdentity { pfn });
        }
        let wanted = Region::new("identity", VirtAddr::new_truncate(pfn.get() * PAGE_SIZE), pages.len());
        if let Some(Taken { region: holder, .. }) =
            self.taken.iter().find(|taken| taken.region.overlaps(&wanted))
        {
            return Err(MmuError::Overlap { wanted, holder: *holder });
        }
        map.has_room_for(pages.len().get() / L1_PAGES)?;
        if let Some(pfn) = pages.iter().find(|&pfn| p2m.entry(machine, pfn) != P2mEntry::Identity) {
            return Err(MmuError::NotIdentity { pfn });
        }
        let first = Mfn::try_new(pfn.get()).map_err(|_| MmuError::NotIdentity { pfn })?;
        self.map_at(machine, map, p2m, wanted, first, access)
    }

    /// Maps frames at unused addresses: all of them or none.
    fn map_at<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        region: Region,
        first: Mfn,
        access: IoAccess,
    ) -> Result<IoPages, MmuError> {
        // This comes before the check of each frame: a request that there are too few frames for ends here.
        map.has_room_for(region.pages().get() / L1_PAGES)?;
        let pages = region.pages();
        let frames = first.run(pages).map_err(|_| MmuError::NoSuchFrame { first, pages })?;
        check_foreign(machine, p2m, frames.clone())?;
        self.taken.try_reserve(1).map_err(|_| MmuError::HeapFull { doing: Operation::Device })?;
        let rank = self.taken.partition_point(|taken| taken.region.start() < region.start());
        self.taken.insert(rank, Taken { region, leaving: false });
        match map_all(machine, map, p2m, region, frames, access) {
            Ok(()) => Ok(IoPages { region, first, access, torn: false }),
            Err(error) => {
                // What Xen mapped before it refused is unmapped. The caller gets the reason for the refusal, not this
                // result.
                let _later = self.leave(machine, map, region);
                Err(error)
            }
        }
    }

    /// Unmaps what [`IoMap::map`] or [`IoMap::map_identity`] mapped. The tables stay for the next mapping.
    ///
    /// # Errors
    /// Gives the pages back with [`MmuError::Refused`] when Xen refuses; some may be unmapped then.
    pub fn unmap<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &DirectMap,
        pages: IoPages,
    ) -> Result<(), (IoPages, MmuError)> {
        match clear(machine, map, pages.region) {
            Ok(()) => {
                self.taken.retain(|taken| taken.region.start() != pages.region.start());
                Ok(())
            }
            Err(error) => Err((IoPages { torn: true, ..pages }, error)),
        }
    }

    /// Tries again to unmap what nobody owns any more.
    fn retry<M: Machine>(&mut self, machine: &mut M, map: &DirectMap) {
        // What Xen refuses again stays noted and keeps its addresses.
        self.taken.retain(|taken| !taken.leaving || clear(machine, map, taken.region).is_err());
    }

    fn leave<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &DirectMap,
        region: Region,
    ) -> Result<(), MmuError> {
        self.taken.iter_mut().filter(|taken| taken.region == region).for_each(|taken| taken.leaving = true);
        clear(machine, map, region)?;
        self.taken.retain(|taken| taken.region != region);
        Ok(())
    }

    /// Returns the first gap of the region that has room for `pages` pages.
    fn find(&self, pages: PageCount) -> Result<Region, MmuError> {
        if pages == PageCount::ZERO {
            return Err(MmuError::NoPages);
        }
        let full = MmuError::IoFull { wanted: pages, region: self.region };
        let mut start = self.region.start().as_u64();
        let own = self.taken.iter().map(|taken| taken.region).filter(|taken| taken.overlaps(&self.region));
        let ends = own.map(|taken| (taken.start().as_u64() - 1, taken.last() + 1));
        for (last, next) in ends.chain([(self.region.last(), 0)]) {
            if last.checked_sub(start).is_some_and(|room| pages.bytes() - 1 <= room) {
                return Ok(Region::new("device memory", VirtAddr::new_truncate(start), pages));
            }
            start = next;
        }
        Err(full)
    }
}

/// What may be done with device memory. Nothing there is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoAccess {
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

impl From<IoAccess> for Access {
    fn from(access: IoAccess) -> Self {
        match access {
            IoAccess::Read => Self::Read,
            IoAccess::ReadWrite => Self::ReadWrite,
        }
    }
}

/// Checks that none of the frames is the guest's own memory.
fn check_foreign<M: Machine>(
    machine: &M,
    p2m: &impl Translate,
    mut frames: impl Iterator<Item = Mfn>,
) -> Result<(), MmuError> {
    frames.try_for_each(|mfn| match own_page(machine, p2m, mfn) {
        Some(pfn) => Err(MmuError::OwnMemory { mfn, pfn }),
        None => Ok(()),
    })
}

/// Returns the page of a machine frame, if it is memory of the guest. The M2P alone does not prove that: it may hold
/// the number of another owner's page.
pub(crate) fn own_page<M: Memory + MachineToPhys>(
    machine: &M,
    p2m: &impl Translate,
    mfn: Mfn,
) -> Option<Pfn> {
    machine.pfn_of(mfn).filter(|&pfn| p2m.entry(machine, pfn).ram() == Some(mfn))
}

fn map_all<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    p2m: &impl Translate,
    region: Region,
    frames: impl Iterator<Item = Mfn>,
    access: IoAccess,
) -> Result<(), MmuError> {
    let mut batch = Batch::new(Operation::Device);
    let mut l1: Option<Table<L1, Live>> = None;
    for (address, mfn) in region.addresses().zip(frames) {
        let mut table = match l1.take() {
            Some(table) if L1::index(address).get() != 0 => table,
            _ => map.open_l1(machine, p2m, address, Operation::Device)?,
        };
        table.update(machine, &mut batch, L1::index(address), Entry::leaf(mfn, access.into()))?;
        l1 = Some(table);
    }
    batch.commit(machine)?.waive("the entries were empty: the addresses were in no mapping");
    Ok(())
}

/// Empties every entry of a region that has a table.
fn clear<M: Machine>(machine: &mut M, map: &DirectMap, region: Region) -> Result<(), MmuError> {
    let mut batch = Batch::new(Operation::Device);
    for piece in region.pieces(L2::REACH) {
        if let Some(mut l1) = map.view().l1(machine, piece.start())? {
            for address in piece.addresses() {
                l1.update(machine, &mut batch, L1::index(address), Entry::EMPTY)?;
            }
        }
    }
    batch.commit(machine)?.flush(machine)
}
