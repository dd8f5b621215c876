//! A machine frame number does not pass for a machine address.
//!
//! On Xen: the number taken for bytes names a frame 4096 times lower: in the first megabytes, which are no guest's.

use mmu::{Error, Fixmap, FixmapPage, Hypervisor, Slot};
use start_info::Maddr;

pub fn map(
    xen: &mut impl Hypervisor,
    fixmap: &mut Fixmap<'_>,
    shared_info: Maddr,
) -> Result<FixmapPage, Error> {
    fixmap.map(xen, Slot::SharedInfo, shared_info) //~ TWIN
    fixmap.map(xen, Slot::SharedInfo, shared_info.mfn()) //~ FAIL E0308
}
