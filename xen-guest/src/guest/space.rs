//! Further address spaces.

use mmu::{AddressSpace, MmuError};

use crate::{guest::Guest, platform::Platform};

impl<P: Platform> Guest<P> {
    /// Makes an address space that shares all mappings with the first.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::new_space`].
    pub fn new_space(&mut self) -> Result<AddressSpace, MmuError> {
        self.parts.map.new_space(&mut self.platform, &self.parts.p2m)
    }

    /// Makes the processor use an address space; `None` is the first one.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::enter_space`].
    pub fn enter_space(&mut self, space: Option<&AddressSpace>) -> Result<(), MmuError> {
        self.parts.map.enter_space(&mut self.platform, space)
    }

    /// Ends an address space.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::retire_space`].
    pub fn retire_space(&mut self, space: AddressSpace) -> Result<(), (Option<AddressSpace>, MmuError)> {
        self.parts.map.retire_space(&mut self.platform, space)
    }
}
