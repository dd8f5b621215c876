//! The payload's own pages, mapped once more with a protection of its choice, and what is mapped at an address.

use mmu::{Access, MappedPage, MappedPages, MmuError, OwnedPages, Region};
use x86_64::VirtAddr;

use crate::{boot::running::Running, guest::Guest, platform::Platform};

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// The region of the layout that has the address; `None` in the lower half and between regions.
    pub region: Option<Region>,
    /// What is mapped there; `None` if nothing is. What Xen maps in its own part of the address space is not looked at.
    pub page: Option<MappedPage>,
}

impl<P: Platform> Guest<P> {
    /// Maps pages that the payload owns at addresses of the region `payload`: a frame, a vector of frames, or a run of
    /// them. They are given away, and [`Guest::unmap`] gives them back. What can be executed or only read cannot be
    /// written anywhere, not in the direct map either.
    ///
    /// # Errors
    /// As [`mmu::PayloadMap::map`]: the pages come back, unless Xen refused to undo what it did.
    pub fn map<O: OwnedPages>(
        &mut self,
        pages: O,
        access: Access,
    ) -> Result<MappedPages<O>, (Option<O>, MmuError)> {
        let Self { platform, parts: Running { map, p2m, payload, .. } } = self;
        payload.map(platform, map, p2m, pages, access)
    }

    /// Changes what may be done with mapped pages.
    ///
    /// # Errors
    /// As [`mmu::PayloadMap::protect`]: the pages stay mapped and can be read, and this can be called again.
    pub fn protect<O>(&mut self, pages: &mut MappedPages<O>, access: Access) -> Result<(), MmuError> {
        let Self { platform, parts: Running { map, payload, .. } } = self;
        payload.protect(platform, map, pages, access)
    }

    /// Unmaps pages and gives them back in the form they were mapped in.
    ///
    /// # Errors
    /// As [`mmu::PayloadMap::unmap`]: the mapping comes back, to be unmapped again.
    pub fn unmap<O: OwnedPages>(
        &mut self,
        pages: MappedPages<O>,
    ) -> Result<O, (Option<MappedPages<O>>, MmuError)> {
        let Self { platform, parts: Running { map, payload, .. } } = self;
        payload.unmap(platform, map, pages)
    }

    /// Reads bytes of mapped pages, from byte `at` of the first page on.
    ///
    /// # Errors
    /// As [`mmu::PayloadMap::read`].
    pub fn read_bytes<O>(&self, pages: &MappedPages<O>, at: u64, bytes: &mut [u8]) -> Result<(), MmuError> {
        let Running { map, payload, .. } = &self.parts;
        payload.read(map, &self.platform, pages, at, bytes)
    }

    /// Writes bytes of mapped pages, from byte `at` of the first page on.
    ///
    /// # Errors
    /// As [`mmu::PayloadMap::write`].
    pub fn write_bytes<O>(
        &mut self,
        pages: &mut MappedPages<O>,
        at: u64,
        bytes: &[u8],
    ) -> Result<(), MmuError> {
        let Self { platform, parts: Running { map, payload, .. } } = self;
        payload.write(map, platform, pages, at, bytes)
    }

    /// Returns what is at an address: its region, and the page or device that the live tables map there.
    ///
    /// # Errors
    /// As [`mmu::LiveTables::lookup`].
    pub fn lookup(&self, address: VirtAddr) -> Result<Lookup, MmuError> {
        let Running { layout, map, p2m, .. } = &self.parts;
        let within = |region: &&Region| (region.start().as_u64()..=region.last()).contains(&address.as_u64());
        let region = layout.regions().iter().find(within).copied();
        let page = map.view().lookup(&self.platform, p2m, address)?;
        Ok(Lookup { region, page })
    }
}
