//! The seam to the hypervisor: four hypercalls, and requests only this crate can make.
//!
//! *What this is*: what real Xen (`xen-guest`) and the model (`tests/model`) implement.
//!
//! *What must hold*: [`Update`], [`ExtOp`], [`VaUpdate`] and [`ReleasedMfn`] have private fields and cannot be copied,
//! so neither a raw number nor the same request twice can reach Xen; that is why the trait can be safe. `Update` and
//! `ExtOp` have the layout of Xen's own structures (`public/xen.h`, `mmu_update` and `mmuext_op`), so a slice of them
//! is the argument.
//!
//! *What is not prevented*: a refusal by Xen. Every method says how far it got.

use core::mem::size_of;

use p2m::{MachineToPhys, Memory};
use start_info::{Maddr, Mfn, Pfn};
use x86_64::VirtAddr;

use crate::{
    errno::{Errno, Partial},
    paging::{entry::Entry, level::L1},
};

/// A checked write of one page-table entry (`MMU_NORMAL_PT_UPDATE`).
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Update {
    target: u64,
    value: u64,
}

const _: () = assert!(size_of::<Update>() == size_of::<xen_sys::mmu_update>());
const _: () = assert!(size_of::<ExtOp>() == size_of::<xen_sys::mmuext_op>());

impl Update {
    pub(crate) const fn new<L>(slot: Maddr, entry: Entry<L>) -> Self {
        Self { target: slot.get() | xen_sys::MMU_NORMAL_PT_UPDATE as u64, value: entry.raw() }
    }

    /// Tells Xen the new page number of one of our frames (`MMU_MACHPHYS_UPDATE`).
    pub(crate) const fn machine_to_phys(mfn: Mfn, pfn: Pfn) -> Self {
        Self { target: mfn.maddr().get() | xen_sys::MMU_MACHPHYS_UPDATE as u64, value: pfn.get() }
    }

    /// Returns the machine address of the entry, with the kind of update in its low bits.
    #[must_use]
    pub const fn target(&self) -> u64 {
        self.target
    }

    /// Returns the word to write.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }
}

/// An extended operation on a table or the TLB (`public/xen.h`, `struct mmuext_op`).
#[derive(Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ExtOp {
    command: u32,
    pad: u32,
    first: u64,
    second: u64,
}

impl ExtOp {
    const fn on(command: u32, mfn: Mfn) -> Self {
        Self { command, pad: 0, first: mfn.get(), second: 0 }
    }

    pub(crate) const fn pin_l4(mfn: Mfn) -> Self {
        Self::on(xen_sys::MMUEXT_PIN_L4_TABLE, mfn)
    }

    pub(crate) const fn unpin(mfn: Mfn) -> Self {
        Self::on(xen_sys::MMUEXT_UNPIN_TABLE, mfn)
    }

    pub(crate) const fn new_base(mfn: Mfn) -> Self {
        Self::on(xen_sys::MMUEXT_NEW_BASEPTR, mfn)
    }

    pub(crate) const fn flush_local() -> Self {
        Self { command: xen_sys::MMUEXT_TLB_FLUSH_LOCAL, pad: 0, first: 0, second: 0 }
    }

    /// Returns the operation's number, an `MMUEXT_` constant of `public/xen.h`.
    #[must_use]
    pub const fn command(&self) -> u32 {
        self.command
    }

    /// Returns the first argument: a frame number, or an address to flush.
    #[must_use]
    pub const fn first(&self) -> u64 {
        self.first
    }
}

/// A change of one mapping of the current address space, with the flush of its address.
#[derive(Debug, PartialEq, Eq)]
pub struct VaUpdate {
    address: VirtAddr,
    value: u64,
}

impl VaUpdate {
    pub(crate) const fn new(address: VirtAddr, entry: Entry<L1>) -> Self {
        Self { address, value: entry.raw() }
    }

    /// Returns the address whose mapping changes.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.address
    }

    /// Returns the new L1 entry.
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.value
    }
}

/// A frame that the guest no longer maps or uses, to be given back to Xen.
#[derive(Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct ReleasedMfn(u64);

impl ReleasedMfn {
    pub(crate) const fn new(mfn: Mfn) -> Self {
        Self(mfn.get())
    }

    /// Returns the number of the machine frame.
    #[must_use]
    pub const fn mfn(&self) -> u64 {
        self.0
    }
}

/// The page-table hypercalls, and the one that gives memory back.
pub trait Hypervisor {
    /// Carries out entry updates in order.
    ///
    /// # Errors
    /// [`Partial`] at the first that Xen refuses.
    fn mmu_update(&mut self, updates: &[Update]) -> Result<(), Partial>;

    /// Carries out extended operations in order.
    ///
    /// # Errors
    /// [`Partial`] at the first that Xen refuses.
    fn mmuext_op(&mut self, operations: &[ExtOp]) -> Result<(), Partial>;

    /// Changes one mapping and flushes its address (`UVMF_INVLPG`).
    ///
    /// # Errors
    /// The errno, with nothing changed.
    fn update_va_mapping(&mut self, update: VaUpdate) -> Result<(), Errno>;

    /// Gives frames back, in order (`XENMEM_decrease_reservation`).
    ///
    /// # Errors
    /// [`Partial`] at the first that Xen does not take; the errno is 0, because Xen only returns how many it took.
    fn decrease_reservation(&mut self, frames: &[ReleasedMfn]) -> Result<(), Partial>;
}

/// Everything that page tables are built with: the hypercalls, words of memory, and Xen's M2P.
pub trait Machine: Hypervisor + Memory + MachineToPhys {}

impl<T: Hypervisor + Memory + MachineToPhys> Machine for T {}
