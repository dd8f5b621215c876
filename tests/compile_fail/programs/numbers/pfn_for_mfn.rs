//! A pseudo-physical frame number does not pass for a machine frame number.
//!
//! On Xen: PFN and MFN of a frame differ, so an entry with the wrong one leads to another domain's memory and is
//! refused; or, in dom0, to another page of ours, and is not.

use p2m::MachineToPhys;
use start_info::{Mfn, Pfn};

pub fn owner(machine: &impl MachineToPhys, pfn: Pfn, mfn: Mfn) -> bool {
    machine.pfn_of(mfn) == Some(pfn) //~ TWIN
    machine.pfn_of(pfn) == Some(pfn) //~ FAIL E0308
}
