//! A few pages at addresses that never change.
//!
//! *What this is*: slots for frames that are not the guest's own memory: Xen's shared_info, and one that maps any
//! machine page for a while, such as ACPI's tables before anything larger is mapped.
//!
//! *What must hold*: the slots lie where the settled layout puts them; until the layout is settled there is no
//! [`Fixmap`]. A temporary mapping is read-only: its page may be a live table, or become one.
//!
//! *What is not prevented*: mapping a frame that Xen does not let us map. Xen refuses it.

use core::marker::PhantomData;

use p2m::{Memory, Translate, Word};
use start_info::{BootFacts, Index, Mfn, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    device::io_map::own_page,
    error::{MmuError, Operation},
    hv::{Hypervisor, Machine, VaUpdate},
    layout::{FIXMAP, plan::Layout},
    paging::{
        entry::{Access, Entry},
        level::L1,
    },
    space::live_tables::LiveTables,
};

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    /// Xen's shared_info page.
    SharedInfo = 0,
    /// The page that is mapped temporarily.
    Temporary = 1,
}

/// The fixmap of a settled layout.
#[derive(Debug)]
pub struct Fixmap<'l> {
    _layout: &'l Layout,
}

/// A page that a slot maps, readable and writable. A resume must map shared_info anew, because its machine address
/// changes.
#[derive(Debug)]
pub struct FixmapPage(VirtAddr);

impl FixmapPage {
    /// Returns where the page is mapped.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.0
    }
}

/// A machine page that the fixmap maps until it maps the next one.
#[derive(Debug)]
pub struct TempMapping<'f> {
    fixmap: PhantomData<&'f mut ()>,
    first: Word,
}

impl TempMapping<'_> {
    /// Returns where the page is mapped.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.first.address()
    }

    /// Reads a word of the page.
    #[must_use]
    pub fn read(&self, memory: &impl Memory, index: Index) -> u64 {
        memory.load(self.first.beside(index))
    }
}

impl<'l> Fixmap<'l> {
    /// Opens the fixmap.
    #[must_use]
    pub const fn new(layout: &'l Layout) -> Self {
        Self { _layout: layout }
    }

    /// Maps Xen's shared_info, whose machine address is in start_info. If that address is wrong and belongs to the
    /// guest, Xen does not write the page, so it is refused.
    ///
    /// # Errors
    /// [`MmuError::OwnMemory`] for a page of the guest, [`MmuError::Refused`] when Xen refuses.
    pub fn map_shared_info<M: Machine>(
        &mut self,
        machine: &mut M,
        p2m: &impl Translate,
        facts: &BootFacts,
    ) -> Result<FixmapPage, MmuError> {
        let mfn = facts.shared_info().mfn();
        if let Some(pfn) = own_page(machine, p2m, mfn) {
            return Err(MmuError::OwnMemory { mfn, pfn });
        }
        self.set(machine, Slot::SharedInfo, Entry::leaf(mfn, Access::ReadWrite)).map(FixmapPage)
    }

    /// Maps a machine page read-only: a device's, firmware's or one of the guest's own.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses, as it does when the domain has no right to the frame.
    pub fn map_temporary<M: Machine>(
        &mut self,
        machine: &mut M,
        view: &LiveTables,
        mfn: Mfn,
    ) -> Result<TempMapping<'_>, MmuError> {
        let address = self.set(machine, Slot::Temporary, Entry::leaf(mfn, Access::Read))?;
        Ok(TempMapping { fixmap: PhantomData, first: Word::of_mapping(view.authority(), address) })
    }

    /// Unmaps the temporary page.
    ///
    /// # Errors
    /// [`MmuError::Refused`] when Xen refuses.
    pub fn close(&mut self, hypervisor: &mut impl Hypervisor) -> Result<(), MmuError> {
        self.set(hypervisor, Slot::Temporary, Entry::EMPTY).map(|_| ())
    }

    fn set(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        slot: Slot,
        entry: Entry<L1>,
    ) -> Result<VirtAddr, MmuError> {
        let address = FIXMAP + slot as u64 * PAGE_SIZE;
        hypervisor
            .update_va_mapping(VaUpdate::new(address, entry))
            .map_err(|errno| MmuError::refused_call(Operation::Fixmap, errno))?;
        Ok(address)
    }
}
