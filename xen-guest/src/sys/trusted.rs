//! What somebody answers for: a module's code, the functions lent to modules, a guest taken apart.
//!
//! *What this is*: a module is machine code that runs with the kernel's rights, so whoever loads bytes as one vouches
//! for them. For modules of the guest's own ramdisk that is whoever started the domain: the kernel came from there too.
//!
//! *What is not prevented*: a module of the ramdisk that does harm.

#[cfg(feature = "modules")]
use crate::module::{Export, Module};
use crate::{boot::running::Running, guest::Guest, platform::Platform};

/// The object of a module that may be executed.
#[cfg(feature = "modules")]
#[derive(Clone, Copy, Debug)]
pub struct TrustedModule<'a> {
    name: &'a str,
    bytes: &'a [u8],
}

#[cfg(feature = "modules")]
impl<'a> TrustedModule<'a> {
    /// Vouches for a module.
    ///
    /// # Safety
    /// What the object's code does when its init and exit functions are called is sound in this kernel: it keeps to the
    /// memory it owns and is lent, and declares what it imports as the kernel and the modules it needs define it
    /// (`docs/modules.md`).
    #[must_use]
    pub const unsafe fn new(name: &'a str, bytes: &'a [u8]) -> Self {
        Self { name, bytes }
    }

    /// Takes a module of the guest's own ramdisk.
    pub(crate) const fn of_ramdisk(module: &Module<'a>) -> Self {
        Self { name: module.name, bytes: module.bytes }
    }

    /// The same module under another name, so that it can be loaded twice.
    #[must_use]
    pub const fn with_name<'b>(self, name: &'b str) -> TrustedModule<'b>
    where
        'a: 'b,
    {
        TrustedModule { name, bytes: self.bytes }
    }

    /// Returns the name it is loaded under.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the object.
    #[must_use]
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<P: Platform> Guest<P> {
    /// Lends functions of the kernel to modules, besides those of the layer replacing those of an earlier call.
    ///
    /// # Safety
    /// Each export is a function that is sound to call with the C signature that modules declare for its name.
    #[cfg(feature = "modules")]
    pub const unsafe fn lend_exports(&mut self, exports: &'static [Export]) {
        self.parts.modules.lend(exports);
    }

    /// Takes the guest apart, for a test kernel that makes hypercalls which the layer's types would not let through.
    ///
    /// # Safety
    /// Whoever takes the parts answers for every mapping and every frame: that no step of the boot is made again, that
    /// what is given back or mapped is held by nobody else, and that the two parts are used with each other only.
    #[must_use]
    pub unsafe fn into_parts(self) -> (P, Running) {
        (self.platform, self.parts)
    }
}
