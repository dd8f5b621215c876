//! What an address leads to.

use p2m::{MachineToPhys, Memory, Translate};
use start_info::{Mfn, Pfn};
use x86_64::VirtAddr;

use crate::{
    device::io_map::own_page,
    error::MmuError,
    layout::is_xen_slot,
    paging::level::{Arithmetic, L1, L2, L3, L4},
    space::live_tables::LiveTables,
};

/// What the live tables have for an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedPage {
    /// The machine frame.
    pub mfn: Mfn,
    /// The page number, if the frame is the guest's own memory; otherwise it is a device's, Xen's or another domain's.
    pub pfn: Option<Pfn>,
    /// Whether it can be written at this address.
    pub writable: bool,
    /// Whether it can be executed at this address.
    pub executable: bool,
}

impl LiveTables {
    /// Returns what is mapped at an address; `None` if nothing is, and for addresses whose tables are Xen's.
    ///
    /// # Errors
    /// [`MmuError::NoMemory`] when no linear map covers a table.
    pub fn lookup<M: Memory + MachineToPhys>(
        &self,
        machine: &M,
        p2m: &impl Translate,
        address: VirtAddr,
    ) -> Result<Option<MappedPage>, MmuError> {
        if is_xen_slot(L4::index(address)) {
            return Ok(None);
        }
        let root = self.root();
        let e4 = self.read(machine, &root, L4::index(address))?;
        let Some(l3) = self.below(machine, &root, L4::index(address))? else { return Ok(None) };
        let e3 = self.read(machine, &l3, L3::index(address))?;
        let Some(l2) = self.below(machine, &l3, L3::index(address))? else { return Ok(None) };
        let e2 = self.read(machine, &l2, L2::index(address))?;
        let Some(l1) = self.below(machine, &l2, L2::index(address))? else { return Ok(None) };
        let entry = self.read(machine, &l1, L1::index(address))?;
        Ok(entry.mfn().map(|mfn| MappedPage {
            mfn,
            pfn: own_page(machine, p2m, mfn),
            writable: e4.is_writable() && e3.is_writable() && e2.is_writable() && entry.is_writable(),
            executable: e4.is_executable()
                && e3.is_executable()
                && e2.is_executable()
                && entry.is_executable(),
        }))
    }
}
