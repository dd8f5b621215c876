//! What a payload gets: the guest, with the machine under it.
//!
//! *What this is*: [`Guest`] owns its platform and all that the boot made. A payload asks the guest; it never holds the
//! hypervisor, a page table, the P2M or the frame allocator itself.
//!
//! *What must hold*: no safe method gives out the platform of a kernel, by value or by reference. So a payload cannot
//! pass the real platform to the functions of `p2m`, `mmu` and this crate that take one, and a platform of its own
//! reaches no memory (`docs/decisions/0019-the-guest-owns-its-platform.md`).
//!
//! *What is not prevented*: `unsafe` code that takes the guest apart ([`Guest::into_parts`]).

mod console;
mod device;
mod events;
#[cfg(target_os = "none")]
mod exceptions;
#[cfg(feature = "firmware")]
mod firmware;
mod frames;
#[cfg(target_os = "none")]
mod heap;
#[cfg(feature = "modules")]
mod load;
mod mapped;
mod p2m;
mod ramdisk;
#[cfg(feature = "modules")]
mod ramdisk_modules;
mod simulated;
mod space;
mod time;
#[cfg(feature = "xenstore")]
mod xenstore;

use mmu::Region;
use start_info::{BootFacts, CommandLine};
use x86_64::VirtAddr;

#[cfg(all(feature = "global-allocator", target_os = "none"))]
pub use heap::HeapError;
pub use mapped::Lookup;
#[cfg(feature = "modules")]
pub use ramdisk_modules::{RamdiskError, RamdiskModules, UnpackedRamdisk};

#[cfg(feature = "modules")]
use crate::module::table::ModuleTable;
use crate::{
    boot::{options::Options, running::Running},
    platform::Platform,
    report::{picture::Picture, timeline::Timeline},
    sys::Xen,
};

/// A booted guest on the machine `P`: real Xen, or a model of it in tests.
#[derive(Debug)]
pub struct Guest<P = Xen> {
    pub(crate) platform: P,
    pub(crate) parts: Running,
}

impl<P: Platform> Guest<P> {
    pub(crate) const fn new(platform: P, parts: Running) -> Self {
        Self { platform, parts }
    }

    /// Returns what start_info said.
    #[must_use]
    pub const fn facts(&self) -> &BootFacts {
        &self.parts.context.facts
    }

    /// Returns the command line.
    #[must_use]
    pub const fn command_line(&self) -> &CommandLine {
        self.parts.context.facts.command_line()
    }

    /// Returns what the command line asks for.
    #[must_use]
    pub const fn options(&self) -> Options {
        self.parts.context.options
    }

    /// Returns what the stages of the boot cost.
    #[must_use]
    pub const fn report(&self) -> &Timeline {
        &self.parts.context.report
    }

    /// Returns the regions of the address space as lines of text, lowest address first. Where addresses were chosen at
    /// boot, those are left out.
    #[must_use]
    pub const fn picture(&self) -> Picture<'_> {
        Picture(&self.parts)
    }

    /// Returns the regions of the address space, in the order they were reserved.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        self.parts.layout.regions()
    }

    /// Returns the modules that are loaded.
    #[cfg(feature = "modules")]
    #[must_use]
    pub const fn modules(&self) -> &ModuleTable {
        &self.parts.modules
    }

    /// Returns the first address after all modules.
    #[must_use]
    pub fn modules_end(&self) -> VirtAddr {
        self.parts.window.end()
    }

    /// Returns how many hypercalls were made so far.
    #[must_use]
    pub fn hypercalls(&self) -> u64 {
        self.platform.hypercalls()
    }

    /// Returns how many of them Xen refused, not counting `console_io`.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.platform.refused()
    }
}
