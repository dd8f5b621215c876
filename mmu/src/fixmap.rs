//! A few pages at addresses that never change.
//!
//! *What this is*: slots for frames that are not the guest's own memory: Xen's shared_info, and one through which dom0 sees the machine's
//! memory frame by frame.
//!
//! *What must hold*: the slots lie where the settled layout has them; before the layout is settled there is no [`Fixmap`].
//!
//! *What is not prevented*: mapping a frame that Xen does not let us map. Xen refuses it. A second fixmap of the same layout, whose window
//! is the same slot: what is [`Shown`] by one may be hidden by the other.

use start_info::{Maddr, Mfn, PAGE_SIZE};
use x86_64::VirtAddr;

use crate::{
    entry::{Access, Entry},
    error::{Doing, Error},
    hv::{Hypervisor, VaUpdate},
    layout::{FIXMAP, Settled},
    level::L1,
};

/// What a slot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// Xen's shared_info page.
    SharedInfo = 0,
}

/// The slot through which frames of the machine are seen. No [`Slot`], as those are mapped for writing.
const WINDOW: u64 = 1;

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

/// A frame that the window shows, for reading.
#[derive(Debug)]
pub struct Shown(VirtAddr);

impl Shown {
    /// Returns where the frame is mapped.
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

    /// Shows a frame of the machine in the window. Xen allows dom0 those that are no domain's memory, and makes them uncached.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses.
    pub fn show(&mut self, hypervisor: &mut impl Hypervisor, mfn: Mfn) -> Result<Shown, Error> {
        self.window(hypervisor, Entry::leaf(mfn, Access::Read))
    }

    /// Empties the window.
    ///
    /// # Errors
    /// [`Error::Refused`] when Xen refuses.
    pub fn hide(&mut self, hypervisor: &mut impl Hypervisor, _shown: Shown) -> Result<(), Error> {
        self.window(hypervisor, Entry::EMPTY).map(|_| ())
    }

    fn window(&mut self, hypervisor: &mut impl Hypervisor, entry: Entry<L1>) -> Result<Shown, Error> {
        let address = FIXMAP + WINDOW * PAGE_SIZE;
        hypervisor.update_va_mapping(VaUpdate::new(address, entry)).map_err(|errno| Error::Refused {
            doing: Doing::Fixmap,
            done: 0,
            errno,
        })?;
        Ok(Shown(address))
    }
}
