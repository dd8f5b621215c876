//! What is being done with page tables, as an error names it.

use core::fmt;

/// What was being done when Xen refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Mapping memory at `__va`.
    DirectMap,
    /// Giving pages new numbers by the machine's memory map.
    Renumbering,
    /// Giving memory back to Xen.
    GivingBack,
    /// Building the new address space.
    AddressSpace,
    /// Pinning the new top-level table and switching to it.
    Switch,
    /// Giving back what the builder left.
    Release,
    /// Mapping a fixmap slot.
    Fixmap,
    /// Mapping device memory.
    Device,
    /// Mapping a module.
    Module,
    /// Unmapping a module.
    Unmap,
    /// Mapping pages of the payload.
    MapPayload,
    /// Unmapping pages of the payload.
    UnmapPayload,
    /// Changing what may be done with pages of the payload.
    Protect,
    /// Mapping the image at an address chosen at boot.
    Slide,
    /// Taking away the guard page of the stack.
    Guard,
    /// Flushing the TLB.
    Flush,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DirectMap => "mapping memory at __va",
            Self::Renumbering => "renumbering pages by the memory map",
            Self::GivingBack => "giving memory back to Xen",
            Self::AddressSpace => "building the address space",
            Self::Switch => "switching to the new page tables",
            Self::Release => "giving back the builder's pages",
            Self::Fixmap => "mapping a fixmap page",
            Self::Device => "mapping device memory",
            Self::Module => "mapping a module",
            Self::Unmap => "unmapping a module",
            Self::MapPayload => "mapping pages of the payload",
            Self::UnmapPayload => "unmapping pages of the payload",
            Self::Protect => "changing the protection of pages of the payload",
            Self::Slide => "mapping the image at its new address",
            Self::Guard => "unmapping the stack's guard page",
            Self::Flush => "flushing the TLB",
        })
    }
}
