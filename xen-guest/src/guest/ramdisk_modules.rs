//! The modules in the ramdisk.

use alloc::vec::Vec;

use mmu::MmuError;

use crate::{
    guest::Guest,
    module::{self, Archive, RamdiskBytes, order},
    platform::Platform,
    sys::TrustedModule,
};

/// The guest's own ramdisk, with its compressed parts unpacked.
#[derive(Debug)]
pub struct UnpackedRamdisk(RamdiskBytes<'static>);

impl UnpackedRamdisk {
    /// Finds the modules in all its archives.
    ///
    /// # Errors
    /// [`module::ModuleError::DuplicateModule`] for two files with the same name; [`module::ModuleError::NoMemory`].
    pub fn modules(&self) -> Result<RamdiskModules<'_>, module::ModuleError> {
        Archive::new(&self.0).map(|archive| RamdiskModules { archive })
    }
}

/// The modules of the guest's own ramdisk.
///
/// Whoever starts the domain chooses both kernel and ramdisk, so the modules there are trusted as the kernel is.
#[derive(Debug, Clone)]
pub struct RamdiskModules<'r> {
    archive: Archive<'r>,
}

impl<'r> RamdiskModules<'r> {
    /// Returns the archive.
    #[must_use]
    pub const fn archive(&self) -> &Archive<'r> {
        &self.archive
    }

    /// Returns the module of that name.
    ///
    /// # Errors
    /// [`module::ModuleError::NoSuchModule`] when the archive has none.
    pub fn module(&self, name: &str) -> Result<TrustedModule<'r>, module::ModuleError> {
        self.archive.module(name).map(|module| TrustedModule::of_ramdisk(&module))
    }

    /// Lists the modules `wanted` and all they need, each after those it needs.
    ///
    /// # Errors
    /// [`module::ModuleError::NoSuchModule`] and [`module::ModuleError::NoSuchNeed`] for one that is missing,
    /// [`module::ModuleError::Circle`] for modules that need each other.
    pub fn in_order(&self, wanted: &[&str]) -> Result<Vec<TrustedModule<'r>>, module::ModuleError> {
        let modules = order(&self.archive, wanted)?;
        Ok(modules.iter().map(TrustedModule::of_ramdisk).collect())
    }
}

impl<P: Platform> Guest<P> {
    /// Unpacks the compressed parts of the ramdisk into the heap; `None` when there is no ramdisk.
    ///
    /// # Errors
    /// [`RamdiskError::Mmu`] as [`Guest::ramdisk`], [`RamdiskError::Archive`] when a part cannot be unpacked or is not
    /// an archive, with the byte where that was seen.
    pub fn unpack_ramdisk(&mut self) -> Result<Option<UnpackedRamdisk>, RamdiskError> {
        let Some(bytes) = self.ramdisk()? else { return Ok(None) };
        Ok(Some(UnpackedRamdisk(RamdiskBytes::new(bytes)?)))
    }
}

/// Why the ramdisk yields no modules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RamdiskError {
    /// It could not be mapped.
    #[error(transparent)]
    Mmu(#[from] MmuError),
    /// It holds no archives.
    #[error(transparent)]
    Archive(#[from] module::ModuleError),
}
