//! The ramdisk, and the modules in it.

use alloc::vec::Vec;

use mmu::Error;
use start_info::PfnRange;

use super::Guest;
use crate::{
    module::{self, Archive, order},
    platform::Platform,
    sys::TrustedModule,
};

/// The modules of the guest's own ramdisk.
///
/// Who starts the domain chooses kernel and ramdisk together, so the modules there are trusted as the kernel is.
#[derive(Debug, Clone)]
pub struct RamdiskModules {
    archive: Archive<'static>,
}

impl RamdiskModules {
    /// Returns the archive.
    #[must_use]
    pub const fn archive(&self) -> &Archive<'static> {
        &self.archive
    }

    /// Returns the module of that name.
    ///
    /// # Errors
    /// [`module::Error::NoSuchModule`] when the archive has none.
    pub fn module(&self, name: &str) -> Result<TrustedModule<'static>, module::Error> {
        self.archive.module(name).map(|module| TrustedModule::of_ramdisk(&module))
    }

    /// Lists the modules `wanted` and all they need, each after those it needs.
    ///
    /// # Errors
    /// As [`order()`].
    pub fn in_order(&self, wanted: &[&str]) -> Result<Vec<TrustedModule<'static>>, module::Error> {
        let modules = order(&self.archive, wanted)?;
        Ok(modules.iter().map(TrustedModule::of_ramdisk).collect())
    }
}

impl<P: Platform> Guest<P> {
    /// Returns the bytes of the ramdisk, mapping them first if the map is lazy; `None` when there is no ramdisk. From now on
    /// its pages stay where they are.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::grow`].
    pub fn ramdisk(&mut self) -> Result<Option<&'static [u8]>, Error> {
        let Some(end) = self.ramdisk_pages().map(PfnRange::end) else { return Ok(None) };
        let Self { platform, parts } = self;
        parts.map.grow_to(platform, &parts.p2m, end)?;
        let window = *parts.map.view().direct();
        Ok(parts.map.lend_ramdisk().and_then(|ramdisk| platform.ramdisk(&window, ramdisk)))
    }

    /// Returns where the ramdisk is now, if there is one: where start_info says, unless it had to make way.
    #[must_use]
    pub fn ramdisk_pages(&self) -> Option<PfnRange> {
        self.parts.ramdisk_pages()
    }

    /// Reads the archive that the ramdisk is; `None` when there is no ramdisk.
    ///
    /// # Errors
    /// [`RamdiskError::Mmu`] as [`Guest::ramdisk`], [`RamdiskError::Archive`] as [`Archive::new`].
    pub fn ramdisk_modules(&mut self) -> Result<Option<RamdiskModules>, RamdiskError> {
        let Some(bytes) = self.ramdisk().map_err(RamdiskError::Mmu)? else { return Ok(None) };
        let archive = Archive::new(bytes).map_err(RamdiskError::Archive)?;
        Ok(Some(RamdiskModules { archive }))
    }
}

/// Why there are no modules to be had from the ramdisk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RamdiskError {
    /// It could not be mapped.
    Mmu(Error),
    /// It is no archive.
    Archive(module::Error),
}

impl core::fmt::Display for RamdiskError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Mmu(error) => error.fmt(f),
            Self::Archive(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RamdiskError {}
