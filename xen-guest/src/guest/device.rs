//! Memory of the machine that is not the guest's: devices, and firmware's tables.

use mmu::{DeviceInteger, Fixmap, IoAccess, IoPages, MmuError};
use p2m::P2mEntry;
use start_info::{Console, Index, Maddr, Mfn, PAGE_SIZE, PageCount, Pfn, PfnRange};

#[cfg(feature = "firmware")]
use crate::firmware::MachineMemory;
use crate::{boot::p2m_or_identity::P2mOrIdentity, guest::Guest, platform::Platform};

/// Frames that Xen gives to dom0's devices as a whole (mm.c, `arch_init_memory`).
const FIRST_MIB: u64 = 0x100;

/// Reports a range of bytes that extends beyond the last frame.
fn beyond(at: Maddr, len: u64) -> MmuError {
    let pages = at.get().saturating_add(len).div_ceil(PAGE_SIZE) - at.mfn().get();
    MmuError::NoSuchFrame { first: at.mfn(), pages: PageCount::clamped(pages) }
}

/// The machine's memory, read through the fixmap.
#[cfg(feature = "firmware")]
#[derive(Debug)]
pub(super) struct MachineReader<'g, P> {
    pub(super) guest: &'g mut Guest<P>,
}

#[cfg(feature = "firmware")]
impl<P: Platform> MachineMemory for MachineReader<'_, P> {
    fn read(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), MmuError> {
        self.guest.read_machine(at, bytes)
    }
}

impl<P: Platform> Guest<P> {
    /// Copies bytes of the machine's memory, page by page, each mapped read-only in the fixmap. Xen lets dom0 map what
    /// is no domain's memory; it refuses other domains.
    ///
    /// # Errors
    /// [`MmuError::NotIdentity`] where the P2M entry of the page is not identity, except in the first MiB, which dom0
    /// may read whatever the map says; [`MmuError::Refused`] when Xen refuses a page, [`MmuError::NoSuchFrame`] beyond
    /// the last frame.
    pub fn read_machine(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), MmuError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.check_machine(at, bytes.len() as u64)?;
        let read = self.read_pages(at, bytes);
        // Whether it succeeded or not, no page stays mapped.
        let closed = Fixmap::new(&self.parts.layout).close(&mut self.platform);
        read.and(closed)
    }

    /// Finds which of `len` bytes must not be read, before any of them is mapped.
    fn check_machine(&self, at: Maddr, len: u64) -> Result<(), MmuError> {
        let first = at.mfn();
        for number in first.get()..at.get().saturating_add(len).div_ceil(PAGE_SIZE) {
            let pfn = Pfn::try_new(number).map_err(|_| beyond(at, len))?;
            if number >= FIRST_MIB && self.entry(pfn) != P2mEntry::Identity {
                return Err(MmuError::NotIdentity { pfn });
            }
        }
        Ok(())
    }

    fn read_pages(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), MmuError> {
        let (mut next, len) = (at.get(), bytes.len() as u64);
        let mut rest = bytes;
        while !rest.is_empty() {
            let offset = next % PAGE_SIZE;
            let here = rest.len().min((PAGE_SIZE - offset) as usize);
            let (part, behind) = rest.split_at_mut(here);
            let mfn = Maddr::try_new(next).map_err(|_| beyond(at, len))?.mfn();
            let Self { platform, parts } = &mut *self;
            let mut fixmap = Fixmap::new(&parts.layout);
            let page = fixmap.map_temporary(platform, parts.map.view(), mfn)?;
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
        Ok(())
    }

    /// Returns the frames that the layer and others write. On a shim the rings are not the guest's own memory.
    fn frames_in_use(&self) -> impl Iterator<Item = Mfn> {
        let facts = self.facts();
        let console = match facts.console() {
            Console::Ring(ring) => Some(ring.mfn),
            _ => None,
        };
        [facts.shared_info().mfn()].into_iter().chain(facts.xenstore().map(|ring| ring.mfn)).chain(console)
    }

    fn check_in_use(&self, first: u64, pages: PageCount, access: IoAccess) -> Result<(), MmuError> {
        if access == IoAccess::Read {
            return Ok(());
        }
        let in_use = self.frames_in_use().find(|mfn| mfn.get() >= first && mfn.get() - first < pages.get());
        in_use.map_or(Ok(()), |mfn| Err(MmuError::InUse { mfn }))
    }

    /// Maps machine frames of a device.
    ///
    /// # Errors
    /// As [`mmu::IoMap::map`], and [`MmuError::InUse`] for shared_info and the rings, unless they are mapped for reading.
    pub fn map_device(
        &mut self,
        first: Mfn,
        pages: PageCount,
        access: IoAccess,
    ) -> Result<IoPages, MmuError> {
        self.check_in_use(first.get(), pages, access)?;
        let Self { platform, parts } = self;
        parts.io.map(platform, &mut parts.map, &parts.p2m, first, pages, access)
    }

    /// Maps pages at the address that is their machine address.
    ///
    /// # Errors
    /// As [`mmu::IoMap::map_identity`], and [`MmuError::InUse`] as [`Guest::map_device`]: a P2M entry can be set to
    /// identity where the number is such a frame's.
    pub fn map_identity(&mut self, pages: PfnRange, access: IoAccess) -> Result<IoPages, MmuError> {
        self.check_in_use(pages.start().get(), pages.len(), access)?;
        let Self { platform, parts } = self;
        let numbers = P2mOrIdentity::of(&parts.p2m, &parts.context);
        parts.io.map_identity(platform, &mut parts.map, &numbers, pages, access)
    }

    /// Unmaps what [`Guest::map_device`] or [`Guest::map_identity`] mapped.
    ///
    /// # Errors
    /// As [`mmu::IoMap::unmap`].
    pub fn unmap_device(&mut self, pages: IoPages) -> Result<(), (IoPages, MmuError)> {
        let Self { platform, parts } = self;
        parts.io.unmap(platform, &parts.map, pages)
    }

    /// Reads a register of a device, with one access of its width (`u8`, `u16`, `u32` or `u64`), `at` bytes after the
    /// start of its first page.
    ///
    /// # Errors
    /// As [`IoPages::read`].
    pub fn read_device<T: DeviceInteger>(&self, pages: &IoPages, at: u64) -> Result<T, MmuError> {
        pages.read(&self.parts.map, &self.platform, at)
    }

    /// Writes a register of a device, with one access of its width. What the device then does is not checked: one that
    /// is asked to may write to any memory.
    ///
    /// # Errors
    /// As [`IoPages::write`].
    pub fn write_device<T: DeviceInteger>(
        &mut self,
        pages: &mut IoPages,
        at: u64,
        value: T,
    ) -> Result<(), MmuError> {
        pages.write(&self.parts.map, &mut self.platform, at, value)
    }
}
