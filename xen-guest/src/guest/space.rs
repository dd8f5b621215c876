//! Further address spaces.

use mmu::{AddressSpace, Error};

use crate::{guest::Guest, platform::Platform};

impl<P: Platform> Guest<P> {
    /// Makes an address space that shares all there is with the first.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::new_space`].
    pub fn new_space(&mut self) -> Result<AddressSpace, Error> {
        self.parts.map.new_space(&mut self.platform, &self.parts.p2m)
    }

    /// Makes the processor use an address space; `None` is the first one.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::enter_space`].
    pub fn enter_space(&mut self, space: Option<&AddressSpace>) -> Result<(), Error> {
        self.parts.map.enter_space(&mut self.platform, space)
    }

    /// Ends an address space.
    ///
    /// # Errors
    /// As [`mmu::DirectMap::retire_space`].
    pub fn retire_space(&mut self, space: AddressSpace) -> Result<(), (Option<AddressSpace>, Error)> {
        self.parts.map.retire_space(&mut self.platform, space)
    }
}
