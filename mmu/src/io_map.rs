//! Device memory and firmware's tables, mapped where the kernel can reach them.
//!
//! *What this is*: two ways to map machine frames that are no memory of the guest: at addresses of a region of their own,
//! or at the address that is the machine's (1:1), in the lower half. Tables are made as needed; a new top-level entry
//! appears in every address space.
//!
//! *What must hold*: the frames are not the guest's own memory, by the P2M and the M2P: that is at `__va`, and a second
//! writable alias would keep it from ever becoming a table. Nothing mapped here is executable. What is mapped 1:1 has an
//! identity entry in the P2M.
//!
//! *What is not prevented*: mapping what the domain has no right to: Xen refuses it, and chooses the caching. A second
//! [`IoMap`] of the same layout gives out the addresses of the first; a kernel keeps one.

use alloc::vec::Vec;

use p2m::{Entry as P2mEntry, Memory, Translate, Word};
use start_info::{Index, Mfn, PAGE_SIZE, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::{
    batch::Batch,
    direct_map::DirectMap,
    entry::{Access, Entry},
    error::{Doing, Error},
    hv::Machine,
    layout::{IO_MAP, IO_MAP_PAGES, Region, Settled},
    level::{L1, Level},
    table::{Live, Table},
};

/// The region for device memory, and what of it is given out.
#[derive(Debug)]
pub struct IoMap {
    region: Region,
    /// What is given out, lowest address first.
    taken: Vec<Region>,
}

/// Machine frames that are mapped.
#[derive(Debug)]
#[must_use = "what is mapped stays mapped until it is given to unmap"]
pub struct IoPages {
    region: Region,
    first: Mfn,
}

impl IoPages {
    /// Reads a word of one of the pages; `None` behind the last.
    #[must_use]
    pub fn read(&self, map: &DirectMap, memory: &impl Memory, page: u64, index: Index) -> Option<u64> {
        (page < self.region.pages().get()).then(|| {
            let address = self.region.start() + page * PAGE_SIZE;
            memory.load(Word::of_device(map.view().authority(), address).beside(index))
        })
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
    pub fn new(_: &Settled) -> Self {
        Self { region: Region::new("device memory", IO_MAP, IO_MAP_PAGES), taken: Vec::new() }
    }

    /// Maps `pages` machine frames from `first` on.
    ///
    /// # Errors
    /// [`Error::OwnMemory`] for a frame of the guest, [`Error::IoFull`] when there are no addresses left,
    /// [`Error::NoFrames`] when there is no frame for a table, [`Error::Refused`] when Xen refuses.
    pub fn map<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &mut DirectMap,
        p2m: &impl Translate,
        first: Mfn,
        pages: PageCount,
        access: IoAccess,
    ) -> Result<IoPages, Error> {
        let frames = foreign(machine, p2m, first, pages)?;
        let (rank, region) = self.find(pages)?;
        self.taken.try_reserve(1).map_err(|_| Error::HeapFull { doing: Doing::Device })?;
        map_all(machine, map, p2m, region, frames, access)?;
        self.taken.insert(rank, region);
        Ok(IoPages { region, first })
    }

    /// Unmaps what [`IoMap::map`] mapped. The tables stay for the next.
    ///
    /// # Errors
    /// Gives the pages back with [`Error::Refused`] when Xen refuses; some may be unmapped then.
    pub fn unmap<M: Machine>(
        &mut self,
        machine: &mut M,
        map: &DirectMap,
        pages: IoPages,
    ) -> Result<(), (IoPages, Error)> {
        if let Err(error) = clear(machine, map, pages.region) {
            return Err((pages, error));
        }
        self.taken.retain(|taken| taken.start() != pages.region.start());
        Ok(())
    }

    fn find(&self, pages: PageCount) -> Result<(usize, Region), Error> {
        let full = Error::IoFull { wanted: pages, region: self.region };
        let mut start = self.region.start().as_u64();
        for rank in 0..=self.taken.len() {
            let next = self.taken.get(rank);
            let end = next.map_or(self.region.last(), |taken| taken.start().as_u64() - 1);
            let fits = end.checked_sub(start).is_some_and(|room| pages.bytes() - 1 <= room);
            if pages != PageCount::ZERO && fits {
                return Ok((rank, Region::new("device memory", VirtAddr::new_truncate(start), pages)));
            }
            start = next.map_or(start, |taken| taken.last() + 1);
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

impl DirectMap {
    /// Maps pages at the address that is their machine address, in the lower half of every address space.
    ///
    /// # Errors
    /// [`Error::NotIdentity`] for a page the P2M does not call identity, and for page 0, whose address is the null pointer;
    /// [`Error::NoFrames`] and [`Error::Refused`] as for a table.
    pub fn map_identity<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        pages: PfnRange,
        access: IoAccess,
    ) -> Result<IoPages, Error> {
        /// Pages in the lower half of the address space.
        const LOWER_HALF: u64 = (1 << 47) / PAGE_SIZE;
        for pfn in pages.iter() {
            let identity = p2m.entry(machine, pfn) == P2mEntry::Identity;
            if !identity || pfn.get() == 0 || pfn.get() >= LOWER_HALF {
                return Err(Error::NotIdentity { pfn });
            }
        }
        let first = Mfn::try_new(pages.start()).unwrap_or(Mfn::new(0));
        let frames = foreign(machine, p2m, first, pages.len())?;
        let region = Region::new("identity", VirtAddr::new_truncate(pages.start() * PAGE_SIZE), pages.len());
        map_all(machine, self, p2m, region, frames, access)?;
        Ok(IoPages { region, first })
    }

    /// Unmaps what [`DirectMap::map_identity`] mapped.
    ///
    /// # Errors
    /// Gives the pages back with [`Error::Refused`] when Xen refuses; some may be unmapped then.
    pub fn unmap_identity<M: Machine>(
        &self,
        machine: &mut M,
        pages: IoPages,
    ) -> Result<(), (IoPages, Error)> {
        clear(machine, self, pages.region).map_err(|error| (pages, error))
    }
}

/// Returns the frames, of which none is the guest's own memory.
fn foreign<M: Machine>(
    machine: &M,
    p2m: &impl Translate,
    first: Mfn,
    pages: PageCount,
) -> Result<FrameNumbers, Error> {
    let numbers = first.get()..first.get() + pages.get();
    // The last frame's number must be one; then so are the others.
    let last =
        Mfn::try_new(numbers.end.saturating_sub(1)).map_err(|_| Error::NoSuchFrame { first, pages })?;
    for mfn in (first.get()..=last.get()).filter_map(|number| Mfn::try_new(number).ok()) {
        if let Some(pfn) = own_page(machine, p2m, mfn) {
            return Err(Error::OwnMemory { mfn, pfn });
        }
    }
    Ok(numbers)
}

/// Numbers of machine frames, all of them small enough.
type FrameNumbers = core::ops::Range<u64>;

/// Returns the page that a machine frame is, if it is memory of the guest: the M2P alone may name the owner's page.
pub(crate) fn own_page<M: Machine>(machine: &M, p2m: &impl Translate, mfn: Mfn) -> Option<Pfn> {
    machine.pfn_of(mfn).filter(|&pfn| p2m.entry(machine, pfn).ram() == Some(mfn))
}

fn map_all<M: Machine>(
    machine: &mut M,
    map: &mut DirectMap,
    p2m: &impl Translate,
    region: Region,
    frames: FrameNumbers,
    access: IoAccess,
) -> Result<(), Error> {
    let mut batch = Batch::new(Doing::Device);
    let mut l1: Option<Table<L1, Live>> = None;
    let mut pushed = Ok(());
    for (address, mfn) in region.addresses().zip(frames.filter_map(|number| Mfn::try_new(number).ok())) {
        let mut table = match l1.take() {
            Some(table) if L1::index(address).get() != 0 => table,
            _ => map.open_l1(machine, p2m, address)?,
        };
        let entry = Entry::leaf(mfn, access.into());
        pushed = table.update(machine, &mut batch, L1::index(address), entry);
        l1 = Some(table);
        if pushed.is_err() {
            break;
        }
    }
    let done = pushed.and_then(|()| batch.commit(machine));
    match done {
        Ok(unflushed) => {
            unflushed.waive("the entries were empty");
            Ok(())
        }
        Err(error) => {
            // What Xen mapped before it refused goes again; if it refuses that as well, the first refusal says more.
            let _again = clear(machine, map, region);
            Err(error)
        }
    }
}

/// Empties every entry of a region that has a table.
fn clear<M: Machine>(machine: &mut M, map: &DirectMap, region: Region) -> Result<(), Error> {
    let mut batch = Batch::new(Doing::Device);
    for address in region.addresses() {
        let Some(mut l1) = map.view().l1(machine, address)? else { continue };
        l1.update(machine, &mut batch, L1::index(address), Entry::EMPTY)?;
    }
    batch.commit(machine)?.flush(machine)
}
