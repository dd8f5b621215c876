//! Memory of the machine that is not the guest's: devices, and firmware's tables.

use mmu::{AddressSpace, Error, Fixmap, IoAccess, IoPages};
use p2m::Entry;
use start_info::{Index, Maddr, Mfn, PAGE_SIZE, PageCount, Pfn, PfnRange};

use super::{Running, numbers::Numbers};
use crate::{firmware::MachineMemory, platform::Platform};

/// Frames that Xen gives to dom0's devices as a whole (mm.c, `arch_init_memory`).
const FIRST_MIB: u64 = 0x100;

/// The machine's memory, read through the fixmap.
#[derive(Debug)]
pub struct MachineReader<'g, P> {
    platform: &'g mut P,
    running: &'g Running,
}

impl<P: Platform> MachineMemory for MachineReader<'_, P> {
    fn read(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), Error> {
        self.running.read_machine(self.platform, at, bytes)
    }
}

impl Running {
    /// Copies bytes of the machine's memory, page by page, each shown by the fixmap for reading.
    ///
    /// # Errors
    /// [`Error::NotIdentity`] where the P2M does not call the page identity, the first MiB apart, which is dom0's to read
    /// whatever the map says of it; [`Error::Refused`] when Xen refuses a page, [`Error::NoSuchFrame`] behind the last frame.
    pub fn read_machine<P: Platform>(
        &self,
        platform: &mut P,
        at: Maddr,
        bytes: &mut [u8],
    ) -> Result<(), Error> {
        let mut fixmap = Fixmap::new(&self.layout);
        let mut next = at.get();
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = next % PAGE_SIZE;
            let here = rest.len().min((PAGE_SIZE - offset) as usize);
            let (part, behind) = rest.split_at_mut(here);
            let beyond = Error::NoSuchFrame { first: at.mfn(), pages: PageCount::new(1) };
            let mfn = Maddr::try_new(next).map_err(|_| beyond)?.mfn();
            let pfn = Pfn::try_new(mfn.get()).map_err(|_| beyond)?;
            if mfn.get() >= FIRST_MIB && self.entry(platform, pfn) != Entry::Identity {
                return Err(Error::NotIdentity { pfn });
            }
            let page = fixmap.look(platform, self.map.view(), &self.p2m, mfn, IoAccess::Read)?;
            let mut word = (u64::MAX, 0);
            for (byte, place) in part.iter_mut().zip(offset..) {
                if word.0 != place / 8 {
                    word = (place / 8, page.read(platform, Index::containing(place / 8)));
                }
                *byte = (word.1 >> (place % 8 * 8)) as u8;
            }
            next += here as u64;
            rest = behind;
        }
        fixmap.close(platform)
    }

    /// Returns the machine's memory, for reading by machine addresses.
    pub const fn machine_memory<'g, P>(&'g self, platform: &'g mut P) -> MachineReader<'g, P> {
        MachineReader { platform, running: self }
    }

    /// Maps machine frames of a device.
    ///
    /// # Errors
    /// As [`mmu::IoMap::map`].
    pub fn map_device<P: Platform>(
        &mut self,
        platform: &mut P,
        first: Mfn,
        pages: PageCount,
        access: IoAccess,
    ) -> Result<IoPages, Error> {
        self.io.map(platform, &mut self.map, &self.p2m, first, pages, access)
    }

    /// Unmaps what [`Running::map_device`] mapped.
    ///
    /// # Errors
    /// As [`mmu::IoMap::unmap`].
    pub fn unmap_device<P: Platform>(
        &mut self,
        platform: &mut P,
        pages: IoPages,
    ) -> Result<(), (IoPages, Error)> {
        self.io.unmap(platform, &self.map, pages)
    }

    /// Maps pages at the address that is their machine address.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::map_identity`].
    pub fn map_identity<P: Platform>(
        &mut self,
        platform: &mut P,
        pages: PfnRange,
        access: IoAccess,
    ) -> Result<IoPages, Error> {
        let numbers = Numbers::of(&self.p2m, &self.setting);
        self.map.map_identity(platform, &numbers, pages, access)
    }

    /// Unmaps what [`Running::map_identity`] mapped.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::unmap_identity`].
    pub fn unmap_identity<P: Platform>(
        &self,
        platform: &mut P,
        pages: IoPages,
    ) -> Result<(), (IoPages, Error)> {
        self.map.unmap_identity(platform, pages)
    }

    /// Makes an address space that shares all there is with the first.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::new_space`].
    pub fn new_space<P: Platform>(&mut self, platform: &mut P) -> Result<AddressSpace, Error> {
        self.map.new_space(platform, &self.p2m)
    }

    /// Makes the processor use an address space; `None` is the first one.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::enter_space`].
    pub fn enter_space<P: Platform>(
        &mut self,
        platform: &mut P,
        space: Option<&AddressSpace>,
    ) -> Result<(), Error> {
        self.map.enter_space(platform, space)
    }

    /// Ends an address space.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::retire_space`].
    pub fn retire_space<P: Platform>(
        &mut self,
        platform: &mut P,
        space: AddressSpace,
    ) -> Result<(), (AddressSpace, Error)> {
        self.map.retire_space(platform, space)
    }
}
