//! A device's pages can be read only while they are mapped.
//!
//! On Xen: the load faults, or reads the device that is mapped there next.

use mmu::{IoPages, MmuError};
use xen_guest::{Guest, Platform};

pub fn read<P: Platform>(guest: &mut Guest<P>, pages: IoPages, others: IoPages) -> Result<u32, MmuError> {
    let _refused = guest.unmap_device(pages);
    guest.read_device(&others, 4) //~ TWIN
    guest.read_device(&pages, 4) //~ FAIL E0382
}
