//! A device's pages can be read only while they are mapped.
//!
//! On Xen: the load faults, or reads the device that is mapped there next.

use mmu::IoPages;
use start_info::Index;
use xen_guest::{Guest, Platform};

pub fn read<P: Platform>(guest: &mut Guest<P>, pages: IoPages, others: IoPages) -> Option<u64> {
    let _refused = guest.unmap_device(pages);
    guest.read_device(&others, 0, Index::FIRST) //~ TWIN
    guest.read_device(&pages, 0, Index::FIRST) //~ FAIL E0382
}
