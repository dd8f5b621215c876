//! A few pages at addresses that never change.
//!
//! *What this is*: slots for frames that are not the guest's own memory, first of all Xen's shared_info.
//!
//! *What must hold*: the slots lie where the settled layout has them; before the layout is settled there is no [`Fixmap`].
//!
//! *What is not prevented*: mapping a frame that Xen does not let us map. Xen refuses it.

use start_info::{Maddr, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    entry::{Access, Entry},
    error::{Doing, Error},
    hv::{Hypervisor, VaUpdate},
    layout::{FIXMAP, Settled},
};

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Xen's shared_info page.
    SharedInfo = 0,
}

/// The fixmap of a settled layout.
#[derive(Debug)]
pub struct Fixmap<'l> {
    _layout: &'l Settled,
}

/// A page that a slot maps, readable and writable.
#[derive(Debug)]
pub struct FixmapPage(VirtAddr);

impl FixmapPage {
    /// Returns where the page is mapped.
    #[must_use]
    pub const fn address(&self) -> VirtAddr {
        self.0
    }
}

impl<'l> Fixmap<'l> {
    /// Opens the fixmap.
    #[must_use]
    pub const fn new(layout: &'l Settled) -> Self {
        Self { _layout: layout }
    }

    /// Maps the page of Xen at `maddr` into a slot.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses.
    pub fn map(
        &mut self,
        hypervisor: &mut impl Hypervisor,
        slot: Slot,
        maddr: Maddr,
    ) -> Result<FixmapPage, Error> {
        let address = FIXMAP + slot as u64 * PAGE_SIZE;
        hypervisor
            .update_va_mapping(VaUpdate::new(address, Entry::leaf(maddr.mfn(), Access::ReadWrite)))
            .map_err(|errno| Error::Refused { doing: Doing::Fixmap, done: 0, errno })?;
        Ok(FixmapPage(address))
    }
}
