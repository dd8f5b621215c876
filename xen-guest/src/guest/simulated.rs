//! A guest on a simulated machine, with full access for tests.

#[cfg(feature = "modules")]
use crate::module::{Export, load_error::LoadError, table::Loaded};
use crate::{boot::running::Running, guest::Guest, platform::Simulated};

impl<P: Simulated> Guest<P> {
    /// Returns the machine.
    #[must_use]
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// Returns the machine, for a test that changes it under the guest.
    pub const fn platform_mut(&mut self) -> &mut P {
        &mut self.platform
    }

    /// Returns what the boot made.
    #[must_use]
    pub const fn parts(&self) -> &Running {
        &self.parts
    }

    /// Returns the machine and what the boot made, for a test that goes behind the guest's back.
    pub const fn parts_mut(&mut self) -> (&mut P, &mut Running) {
        (&mut self.platform, &mut self.parts)
    }

    /// Takes the guest apart.
    #[must_use]
    pub fn take_apart(self) -> (P, Running) {
        (self.platform, self.parts)
    }

    /// Loads a module from any bytes: a simulated machine executes nothing of it.
    ///
    /// # Errors
    /// As [`Guest::load_module`].
    #[cfg(feature = "modules")]
    pub fn load_bytes(&mut self, name: &str, bytes: &[u8]) -> Result<&Loaded, LoadError> {
        self.load(name, bytes)
    }

    /// Lends functions to modules. The modules are never executed, so they call none.
    #[cfg(feature = "modules")]
    pub const fn lend(&mut self, exports: &'static [Export]) {
        self.parts.modules.lend(exports);
    }
}
